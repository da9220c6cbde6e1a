with daily as (

    select
        *,
        cast(coalesce(cost, 0) as {{ type_money() }}) as counted_cost
    from {{ ref('int_service_usage_daily') }}

)

select
    api_service,
    call_date as date,
    usage_calls,
    log_calls,
    tracking_calls,
    paired_calls,
    usage_calls - paired_calls as usage_only_calls,
    log_only_calls,
    tracking_only_calls,
    usage_calls + log_only_calls + tracking_only_calls as counted_calls,
    usage_cost,
    log_cost,
    tracking_cost,
    counted_cost,
    cast(usage_cost + log_cost + tracking_cost - counted_cost as {{ type_money() }}) as double_count_avoided
from daily
