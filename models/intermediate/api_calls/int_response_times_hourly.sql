with live as (

    {{ response_times_hourly(ref('int_api_usage_blocks'), is_live('int_response_times_hourly_rollup', 'hour')) }}

)

select * from {{ ref('int_response_times_hourly_rollup') }}
union all
select * from live
