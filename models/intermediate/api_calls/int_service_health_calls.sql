-- One row per service and hour with a call, summed from the calls.
with calls as (

    select
        *,
        -- an hourly sum has an average only, which says nothing about a percentile or the time of one call
        source_table <> 'api_cost_tracking' as is_single_call
    from {{ ref('int_api_calls') }}

),

hourly as (

    select
        api_service,
        call_date,
        call_hour,
        cast(sum(request_count) as {{ dbt.type_bigint() }}) as requests,
        cast(sum(error_count) as {{ dbt.type_bigint() }}) as error_count,
        cast(coalesce(sum(cost), 0) as {{ type_money() }}) as cost,
        {{ ratio(
            'sum(cast(response_time_ms as ' ~ dbt.type_bigint() ~ ') * request_count)',
            'sum(case when response_time_ms is not null then request_count end)',
        ) }} as response_time_ms,
        {{ percentile('case when is_single_call then response_time_ms end', 0.95) }} as p95_response_time_ms,
        {{ newest('rate_limit_remaining', 'created_at', 'record_id') }} as rate_limit_remaining,
        max(case when is_single_call and success_count > 0 then created_at end) as last_successful_call,
        coalesce(
            {{ newest('case when error_count > 0 then error_message end', 'created_at', 'record_id') }},
            'HTTP ' || cast(
                {{ newest('case when error_count > 0 then http_status_code end', 'created_at', 'record_id') }}
                as {{ dbt.type_string() }}
            )
        ) as last_error,
        max(created_at) as last_seen_at
    from calls
    group by api_service, call_date, call_hour

),

final as (

    select
        *,
        {{ hour_start('call_date', 'call_hour') }} as hour_start
    from hourly

)

select * from final
