with daily as (

    select
        *,
        coalesce(cost, 0) as counted_cost
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
    cast(usage_cost as {{ type_shown_money() }}) as usage_cost,
    cast(log_cost as {{ type_shown_money() }}) as log_cost,
    cast(tracking_cost as {{ type_shown_money() }}) as tracking_cost,
    cast(counted_cost as {{ type_shown_money() }}) as counted_cost,
    cast(usage_cost + log_cost + tracking_cost - counted_cost as {{ type_shown_money() }}) as double_count_avoided
from daily
