-- One row per service, date and hour with a call.
{% set rollup = 'int_service_usage_hourly_rollup' -%}
with live as (

    {{ api_records_hourly('live', rollup=rollup) }}

),

open_hours as (

    select {{ columns_of(rollup) }}
    from {{ ref('int_service_usage_hourly_rollup') }}
    where {{ is_open(rollup, 'hour') }}
    union all
    {{ of_service_usage_hourly('live') }}

),

open_sums as (

    {{ service_usage_hourly('open_hours') }}

),

hourly as (

    select {{ columns_of(rollup) }}
    from {{ ref('int_service_usage_hourly_rollup') }}
    where {{ is_closed(rollup, 'hour') }}
    union all
    select * from open_sums

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
