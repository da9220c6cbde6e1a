{#
  An aggregate: the newest value that is not NULL, by time and then by key, as a text that holds all three, so that the
  newest of several such texts is their max(). `newest_value` takes the value out.
#}
{% macro newest_entry(value, timestamp, key) %}
    {{- return(adapter.dispatch('newest_entry', 'leadgen_analytics')(value, timestamp, key)) -}}
{% endmacro %}


{# `2026-01-01 10:00:00.5 <uuid> value`: a blank sorts before any digit or point, so that texts sort as times do. #}
{% macro postgres__newest_entry(value, timestamp, key) -%}
    max(
        case
            when {{ value }} is not null
                then cast({{ timestamp }} at time zone 'UTC' as text) || ' ' || {{ key }} || ' ' || {{ value }}
        end collate "C"
    )
{%- endmacro %}


{% macro newest_value(entry) -%}
    substr({{ entry }}, length({{ dbt.split_part(entry, "' '", 2) }}) + 50)
{%- endmacro %}


{#
  The number of the bucket of a response time. Each bucket reaches 5 % further than the one before, so that its middle
  is within 2.5 % of every time in it, and buckets of any two sets of calls can be added up, which percentiles cannot.
#}
{% macro response_time_bucket(milliseconds) -%}
    {%- set number = 'cast(' ~ milliseconds ~ ' as double precision)' -%}
    cast(
        sign({{ number }}) * round(1 + ln(greatest(abs({{ number }}), 1)) / ln(cast(1.05 as double precision)))
        as smallint
    )
{%- endmacro %}


{# The middle of a bucket, milliseconds. #}
{% macro response_time_of(bucket) -%}
    sign({{ bucket }}) * power(cast(1.05 as double precision), abs({{ bucket }}) - 1)
{%- endmacro %}


{% macro health_status(error_rate) -%}
    case
        when {{ error_rate }} < {{ var('degraded_error_rate') }} then 'healthy'
        when {{ error_rate }} < {{ var('down_error_rate') }} then 'degraded'
        when {{ error_rate }} is not null then 'down'
    end
{%- endmacro %}


{# Calls by campaign, service, endpoint, date and hour, summed from those rows of `blocks` that `where` lets through. #}
{% macro api_usage_hourly(blocks='blocks', where='true') -%}
    select
        campaign_id,
        case when min(cast(user_id as {{ dbt.type_string() }})) = max(cast(user_id as {{ dbt.type_string() }}))
            then cast(min(cast(user_id as {{ dbt.type_string() }})) as {{ type_uuid() }})
        end as user_id,
        api_service,
        endpoint,
        call_date,
        call_hour,
        {%- for column in ['request_count', 'success_count', 'error_count'] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        cast(sum(cost) as {{ type_money() }}) as total_cost,
        cast(sum(estimated_cost) as {{ type_money() }}) as estimated_cost,
        cast(sum(timed_response_ms) as numeric(38, 4)) as timed_response_ms,
        {%- for column in ['timed_request_count', 'credits_used'] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        cast({{ newest_value('max(last_rate_limit)') }} as integer) as rate_limit_remaining
    from {{ blocks }}
    where is_counted and {{ where }}
    group by campaign_id, api_service, endpoint, call_date, call_hour
{%- endmacro %}


{#
  Calls by campaign, the user that they record, date and hour, summed from the rows of `blocks` that `where` lets
  through.
#}
{% macro campaign_usage_hourly(blocks='blocks', where='true') -%}
    select
        campaign_id,
        user_id,
        call_date,
        call_hour,
        {%- for column in ['request_count', 'success_count', 'error_count', 'timed_request_count'] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        cast(sum(cost) as {{ type_money() }}) as total_cost,
        cast(sum(timed_response_ms) as numeric(38, 4)) as timed_response_ms
    from {{ blocks }}
    where is_counted and {{ where }}
    group by campaign_id, user_id, call_date, call_hour
{%- endmacro %}


{#
  Single calls by service, date, hour and bucket of response time, from the rows of `blocks` that `where` lets
  through.
#}
{% macro response_times_hourly(blocks='blocks', where='true') -%}
    select
        api_service,
        call_date,
        call_hour,
        response_time_bucket,
        count(*) as call_count
    from {{ blocks }}
    cross join lateral {{ unnest('response_time_buckets') }} as buckets (response_time_bucket)
    where is_counted and {{ where }}
    group by api_service, call_date, call_hour, response_time_bucket
{%- endmacro %}


{#
  Percentiles by `keys` of calls that are counted by bucket of response time: interpolated between neighbours as
  percentile_cont does it, each within 2.5 % of the exact one.
#}
{% macro response_time_percentiles(response_times, keys, percentages) -%}
    with buckets as (

        select
            {{ keys | join(', ') }},
            {{ response_time_of('response_time_bucket') }} as response_time_ms,
            sum(call_count) as call_count
        from {{ response_times }} as response_times
        group by {{ keys | join(', ') }}, response_time_bucket

    ),

    ranked as (

        select
            *,
            sum(call_count) over (partition by {{ keys | join(', ') }} order by response_time_ms) as calls_so_far,
            sum(call_count) over (partition by {{ keys | join(', ') }}) - 1 as last_rank
        from buckets

    ),

    neighbours as (

        select
            {{ keys | join(', ') }},
            {%- for percentage in percentages %}
            max({{ percentage / 100 }} * last_rank - floor({{ percentage / 100 }} * last_rank)) as weight_{{ percentage }},
            min(case when calls_so_far > floor({{ percentage / 100 }} * last_rank) then response_time_ms end)
                as below_{{ percentage }},
            min(case when calls_so_far > ceil({{ percentage / 100 }} * last_rank) then response_time_ms end)
                as above_{{ percentage }}{{ ',' if not loop.last }}
            {%- endfor %}
        from ranked
        group by {{ keys | join(', ') }}

    )

    select
        {{ keys | join(', ') }},
        {%- for percentage in percentages %}
        cast(
            below_{{ percentage }} + (above_{{ percentage }} - below_{{ percentage }}) * weight_{{ percentage }}
            as {{ type_ratio() }}
        ) as p{{ percentage }}_response_time_ms{{ ',' if not loop.last }}
        {%- endfor %}
    from neighbours
{%- endmacro %}


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


{#
  Records and calls by service and date, summed from the rows of `blocks` that `where` lets through. Records are what
  the logs hold, calls are what of it counts.
#}
{% macro service_usage_daily(blocks='blocks', where='true', response_times='response_times') -%}
    with days as (

        select
            api_service,
            call_date,
            {%- for column in ['request_count', 'success_count', 'timed_request_count'] %}
            cast(sum(case when is_counted then {{ column }} end) as {{ dbt.type_bigint() }}) as {{ column }},
            {%- endfor %}
            {%- for column in ['cost', 'list_cost'] %}
            cast(sum(case when is_counted then {{ column }} end) as {{ type_money() }}) as {{ column }},
            {%- endfor %}
            cast(sum(case when is_counted then timed_response_ms end) as numeric(38, 4)) as timed_response_ms,
            count(distinct case when is_counted then campaign_id end) as active_campaigns,
            {%- for name, source_table in {
                'usage': 'api_usage', 'log': 'api_usage_log', 'tracking': 'api_cost_tracking',
            }.items() %}
            cast(sum(case when source_table = '{{ source_table }}' then request_count else 0 end) as {{ dbt.type_bigint() }})
                as {{ name }}_calls,
            cast(coalesce(sum(case when source_table = '{{ source_table }}' then cost end), 0) as {{ type_money() }})
                as {{ name }}_cost,
            {%- endfor %}
            cast(sum(case when source_table = 'api_usage' then paired_count else 0 end) as {{ dbt.type_bigint() }})
                as paired_calls,
            {%- for name, source_table in {'log': 'api_usage_log', 'tracking': 'api_cost_tracking'}.items() %}
            cast(
                sum(case when is_counted and source_table = '{{ source_table }}' then request_count else 0 end)
                as {{ dbt.type_bigint() }}
            ) as {{ name }}_only_calls{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ blocks }}
        where {{ where }}
        group by api_service, call_date

    ),

    percentiles as (

        {{ response_time_percentiles(response_times, ['api_service', 'call_date'], [50, 95, 99]) }}

    )

    select
        days.*,
        percentiles.p50_response_time_ms,
        percentiles.p95_response_time_ms,
        percentiles.p99_response_time_ms
    from days
    left join percentiles
        on
            days.api_service = percentiles.api_service
            and days.call_date = percentiles.call_date
{%- endmacro %}
