-- One row per service and hour: from its calls, or from a recorded ping where the hour has no call.
with calls as (

    select
        *,
        {{ ratio('error_count', 'requests', type='numeric(38, 12)') }} as error_rate,
        {{ hour_start('call_date', 'call_hour') }} as hour_start
    from {{ ref('int_service_usage_hourly') }}

),

pings as (

    select * from {{ ref('int_service_pings') }}

),

hours as (

    select
        calls.api_service,
        calls.call_date as health_date,
        calls.hour_start,
        {{ health_status('calls.error_rate') }} as status,
        calls.response_time_ms,
        calls.p95_response_time_ms,
        cast(calls.error_rate as numeric(5, 4)) as error_rate,
        calls.rate_limit_remaining,
        calls.requests,
        calls.cost,
        calls.last_successful_call,
        calls.last_error,
        calls.last_seen_at,
        'derived' as origin,
        pings.cost_budget_remaining as recorded_budget_remaining
    from calls
    left join pings
        on
            calls.api_service = pings.api_service
            and calls.hour_start = pings.hour_start

    union all

    select
        pings.api_service,
        pings.ping_date as health_date,
        pings.hour_start,
        case
            when pings.status in ('healthy', 'degraded', 'down') then pings.status
            else {{ health_status('pings.error_rate') }}
        end as status,
        pings.response_time_ms,
        cast(null as {{ type_ratio() }}) as p95_response_time_ms,
        pings.error_rate,
        pings.rate_limit_remaining,
        cast(0 as {{ dbt.type_bigint() }}) as requests,
        cast(0 as {{ type_money() }}) as cost,
        case
            when pings.last_successful_call < {{ seconds_later('pings.hour_start', 3600) }}
                then pings.last_successful_call
        end as last_successful_call,
        pings.last_error,
        pings.pinged_at as last_seen_at,
        'recorded' as origin,
        pings.cost_budget_remaining as recorded_budget_remaining
    from pings
    left join calls
        on
            pings.api_service = calls.api_service
            and pings.hour_start = calls.hour_start
    where calls.api_service is null

)

select * from hours
