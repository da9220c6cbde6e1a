{# Calls by service, date and hour, summed from the rows of `blocks` that `where` lets through. #}
{% macro service_usage_hourly(blocks='blocks', where='true', response_times='response_times') -%}
    with hours as (

        select
            api_service,
            call_date,
            call_hour,
            cast(sum(request_count) as {{ dbt.type_bigint() }}) as requests,
            cast(sum(error_count) as {{ dbt.type_bigint() }}) as error_count,
            cast(coalesce(sum(cost), 0) as {{ type_money() }}) as cost,
            {{ ratio('sum(timed_response_ms)', 'sum(timed_request_count)') }} as response_time_ms,
            cast({{ newest_value('max(last_rate_limit)') }} as integer) as rate_limit_remaining,
            max(last_successful_call) as last_successful_call,
            coalesce(
                {{ newest_value('max(last_error)') }}, 'HTTP ' || {{ newest_value('max(last_error_status)') }}
            ) as last_error,
            max(last_seen_at) as last_seen_at
        from {{ blocks }}
        where is_counted and {{ where }}
        group by api_service, call_date, call_hour

    ),

    percentiles as (

        {{ response_time_percentiles(response_times, ['api_service', 'call_date', 'call_hour'], [95]) }}

    )

    select
        hours.api_service,
        hours.call_date,
        hours.call_hour,
        hours.requests,
        hours.error_count,
        hours.cost,
        hours.response_time_ms,
        percentiles.p95_response_time_ms,
        hours.rate_limit_remaining,
        hours.last_successful_call,
        hours.last_error,
        hours.last_seen_at
    from hours
    left join percentiles
        on
            hours.api_service = percentiles.api_service
            and hours.call_date = percentiles.call_date
            and hours.call_hour = percentiles.call_hour
{%- endmacro %}
