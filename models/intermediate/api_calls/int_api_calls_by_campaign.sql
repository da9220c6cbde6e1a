-- One row per campaign with a call; calls without a campaign, and of deleted ones, have their rows too.
with hourly as (

    select * from {{ ref('int_campaign_usage_hourly') }}

),

by_campaign as (

    select
        campaign_id,
        cast(sum(request_count) as {{ dbt.type_bigint() }}) as total_api_calls,
        cast(sum(total_cost) as {{ type_money() }}) as total_api_cost,
        cast(sum(success_count) as {{ dbt.type_bigint() }}) as success_count,
        cast(sum(timed_response_ms) / nullif(sum(timed_request_count), 0) as {{ type_ratio() }}) as avg_response_time_ms
    from hourly
    group by campaign_id

)

select * from by_campaign
