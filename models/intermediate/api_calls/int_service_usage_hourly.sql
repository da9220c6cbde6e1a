-- One row per service, date and hour with a call.
with hourly as (

    {{ usage_with_live_part('service_usage_hourly', 'hour') }}

)

select
    api_service,
    call_date,
    call_hour,
    request_count as requests,
    error_count,
    cast(coalesce(cost, 0) as {{ type_money() }}) as cost,
    {{ ratio('timed_response_ms', 'timed_request_count') }} as response_time_ms,
    p95_response_time_ms,
    cast({{ newest_value('last_rate_limit') }} as integer) as rate_limit_remaining,
    last_successful_call,
    coalesce({{ newest_value('last_error') }}, 'HTTP ' || {{ newest_value('last_error_status') }}) as last_error,
    last_seen_at
from hourly
