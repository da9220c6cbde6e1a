with live as (

    {{ campaign_usage_hourly(ref('int_api_usage_blocks'), is_live('int_campaign_usage_hourly_rollup', 'hour')) }}

)

select * from {{ ref('int_campaign_usage_hourly_rollup') }}
union all
select * from live
