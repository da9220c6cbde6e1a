with daily as (

    select * from {{ ref('int_service_usage_daily') }}
    -- a second record, of a call that another day has, is no call of this one
    where request_count is not null

)

select
    api_service,
    call_date as date,
    request_count as total_requests,
    cast(cost as {{ type_shown_money() }}) as total_cost,
    {{ ratio('success_count', 'request_count') }} as success_rate,
    {{ ratio('timed_response_ms', 'timed_request_count') }} as avg_response_time_ms,
    p50_response_time_ms,
    p95_response_time_ms,
    p99_response_time_ms,
    {{ ratio('cost', 'request_count') }} as cost_per_request,
    cast(list_cost as {{ type_shown_money() }}) as list_cost,
    cast(cost - list_cost as {{ type_shown_money() }}) as cost_variance,
    active_campaigns
from daily
