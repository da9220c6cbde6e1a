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
                then {{ time_text(timestamp) }} || ' ' || {{ key }} || ' ' || {{ value }}
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


{#
  Sums at four grains, each made in two steps: `of_…` puts rows of int_api_records_hourly_rollup, or the live part in the
  same form, into the columns of a rollup, and the macro of the rollup's name adds them up. What comes out can go in
  again: so a view adds the live part to the rollup's rows of the open hour or day.
#}


{# The rollup of one of these grains with its live part. #}
{% macro usage_with_live_part(grain, period) -%}
    {%- set rollup = 'int_' ~ grain ~ '_rollup' -%}
    {{ with_live_part(
        rollup, period,
        live=context['of_' ~ grain]('(' ~ api_records_hourly('live', rollup=rollup) ~ ') as records'),
        summed_by=grain,
    ) }}
{%- endmacro %}


{# Calls by campaign, service, endpoint, date and hour. #}
{% macro api_usage_hourly(usage='usage') -%}
    select
        campaign_id,
        cast(min(cast(first_user_id as {{ dbt.type_string() }})) as {{ type_uuid() }}) as first_user_id,
        cast(max(cast(last_user_id as {{ dbt.type_string() }})) as {{ type_uuid() }}) as last_user_id,
        api_service,
        endpoint,
        call_date,
        call_hour,
        {%- for column in ['request_count', 'success_count', 'error_count'] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        cast(sum(cost) as {{ type_money() }}) as cost,
        cast(sum(estimated_cost) as {{ type_money() }}) as estimated_cost,
        cast(sum(timed_response_ms) as numeric(38, 4)) as timed_response_ms,
        {%- for column in ['timed_request_count', 'credits_used'] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        max(last_rate_limit) as last_rate_limit
    from {{ usage }}
    group by campaign_id, api_service, endpoint, call_date, call_hour
{%- endmacro %}


{% macro of_api_usage_hourly(records='records', where='true') -%}
    select
        campaign_id,
        user_id as first_user_id,
        user_id as last_user_id,
        api_service,
        endpoint,
        call_date,
        call_hour,
        request_count,
        success_count,
        error_count,
        cost,
        estimated_cost,
        timed_response_ms,
        timed_request_count,
        credits_used,
        last_rate_limit
    from {{ records }}
    where is_counted and open_record_id is null and {{ where }}
{%- endmacro %}


{# Calls by campaign, the user that they record, date and hour. #}
{% macro campaign_usage_hourly(usage='usage') -%}
    select
        campaign_id,
        user_id,
        call_date,
        call_hour,
        {%- for column in ['request_count', 'success_count', 'error_count', 'timed_request_count'] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        cast(sum(total_cost) as {{ type_money() }}) as total_cost,
        cast(sum(timed_response_ms) as numeric(38, 4)) as timed_response_ms
    from {{ usage }}
    group by campaign_id, user_id, call_date, call_hour
{%- endmacro %}


{% macro of_campaign_usage_hourly(records='records', where='true') -%}
    select
        campaign_id,
        user_id,
        call_date,
        call_hour,
        request_count,
        success_count,
        error_count,
        timed_request_count,
        cost as total_cost,
        timed_response_ms
    from {{ records }}
    where is_counted and open_record_id is null and {{ where }}
{%- endmacro %}


{# Calls by service, date and hour. #}
{% macro service_usage_hourly(usage='usage') -%}
    {%- set keys = ['api_service', 'call_date', 'call_hour'] -%}
    with hours as (

        select
            {{ keys | join(', ') }},
            cast(sum(request_count) as {{ dbt.type_bigint() }}) as request_count,
            cast(sum(error_count) as {{ dbt.type_bigint() }}) as error_count,
            cast(sum(cost) as {{ type_money() }}) as cost,
            cast(sum(timed_response_ms) as numeric(38, 4)) as timed_response_ms,
            cast(sum(timed_request_count) as {{ dbt.type_bigint() }}) as timed_request_count,
            max(last_rate_limit) as last_rate_limit,
            max(last_error) as last_error,
            max(last_error_status) as last_error_status,
            max(last_successful_call) as last_successful_call,
            max(last_seen_at) as last_seen_at
        from {{ usage }}
        group by {{ keys | join(', ') }}

    ),

    response_times as (

        {{ response_times(usage, keys, [95]) }}

    )

    select
        hours.*,
        response_times.response_time_buckets,
        response_times.response_time_calls,
        response_times.p95_response_time_ms
    from hours
    left join response_times
        on
        {%- for key in keys %}
            {{ 'and ' if not loop.first }}hours.{{ key }} = response_times.{{ key }}
        {%- endfor %}
{%- endmacro %}


{% macro of_service_usage_hourly(records='records', where='true') -%}
    select
        api_service,
        call_date,
        call_hour,
        request_count,
        error_count,
        cost,
        timed_response_ms,
        timed_request_count,
        last_rate_limit,
        last_error,
        last_error_status,
        last_successful_call,
        last_seen_at,
        response_time_buckets,
        cast(null as bigint[]) as response_time_calls,
        cast(null as {{ type_ratio() }}) as p95_response_time_ms
    from {{ records }}
    where is_counted and open_record_id is null and {{ where }}
{%- endmacro %}


{# Records and calls by service and date. Records are what the logs hold, calls are what of it counts. #}
{% macro service_usage_daily(usage='usage') -%}
    {%- set keys = ['api_service', 'call_date'] -%}
    with days as (

        select
            {{ keys | join(', ') }},
            {%- for column in ['request_count', 'success_count', 'timed_request_count'] %}
            cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
            {%- endfor %}
            {%- for column in ['cost', 'list_cost'] %}
            cast(sum({{ column }}) as {{ type_money() }}) as {{ column }},
            {%- endfor %}
            cast(sum(timed_response_ms) as numeric(38, 4)) as timed_response_ms,
            {%- for log in ['usage', 'log', 'tracking'] %}
            cast(sum({{ log }}_calls) as {{ dbt.type_bigint() }}) as {{ log }}_calls,
            cast(coalesce(sum({{ log }}_cost), 0) as {{ type_money() }}) as {{ log }}_cost,
            {%- endfor %}
            {%- for column in ['paired_calls', 'log_only_calls', 'tracking_only_calls'] %}
            cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ usage }}
        group by {{ keys | join(', ') }}

    ),

    campaigns as (

        select
            {{ keys | join(', ') }},
            array_agg(distinct campaign_id) as campaign_ids
        from {{ usage }}
        cross join lateral {{ unnest('campaign_ids') }} as campaigns (campaign_id)
        group by {{ keys | join(', ') }}

    ),

    response_times as (

        {{ response_times(usage, keys, [50, 95, 99]) }}

    )

    select
        days.*,
        campaigns.campaign_ids,
        cast(coalesce(cardinality(campaigns.campaign_ids), 0) as {{ dbt.type_bigint() }}) as active_campaigns,
        response_times.response_time_buckets,
        response_times.response_time_calls,
        response_times.p50_response_time_ms,
        response_times.p95_response_time_ms,
        response_times.p99_response_time_ms
    from days
    left join campaigns
        on
            days.api_service = campaigns.api_service
            and days.call_date = campaigns.call_date
    left join response_times
        on
            days.api_service = response_times.api_service
            and days.call_date = response_times.call_date
{%- endmacro %}


{% macro of_service_usage_daily(records='records', where='true') -%}
    select
        api_service,
        call_date,
        {%- for column in [
            'request_count', 'success_count', 'timed_request_count', 'cost', 'list_cost', 'timed_response_ms',
        ] %}
        case when is_counted then {{ column }} end as {{ column }},
        {%- endfor %}
        {%- for name, source_table in {
            'usage': 'api_usage', 'log': 'api_usage_log', 'tracking': 'api_cost_tracking',
        }.items() %}
        case when source_table = '{{ source_table }}' then request_count else 0 end as {{ name }}_calls,
        case when source_table = '{{ source_table }}' then cost end as {{ name }}_cost,
        {%- endfor %}
        case when source_table = 'api_usage' then paired_count else 0 end as paired_calls,
        {%- for name, source_table in {'log': 'api_usage_log', 'tracking': 'api_cost_tracking'}.items() %}
        case when is_counted and source_table = '{{ source_table }}' then request_count else 0 end
            as {{ name }}_only_calls,
        {%- endfor %}
        case when is_counted and campaign_id is not null then array[campaign_id] end as campaign_ids,
        cast(0 as {{ dbt.type_bigint() }}) as active_campaigns,
        case when is_counted then response_time_buckets end as response_time_buckets,
        cast(null as bigint[]) as response_time_calls,
        {%- for percentage in [50, 95, 99] %}
        cast(null as {{ type_ratio() }}) as p{{ percentage }}_response_time_ms{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ records }}
    where open_record_id is null and {{ where }}
{%- endmacro %}


{#
  Single calls by `keys` and bucket of response time, as an array of buckets and one of the calls in each, and their
  percentiles: interpolated between neighbours as percentile_cont does it, each within 2.5 % of the exact one. Where rows
  name no numbers of calls, each bucket stands for one.
#}
{% macro response_times(usage, keys, percentages) -%}
    {%- set keys = keys | join(', ') -%}
    with buckets as (

        select
            {{ keys }},
            bucket,
            {{ response_time_of('bucket') }} as response_time_ms,
            cast(sum(coalesce(calls, 1)) as {{ dbt.type_bigint() }}) as call_count
        from {{ usage }}
        cross join lateral {{ unnest('response_time_buckets, response_time_calls') }} as times (bucket, calls)
        group by {{ keys }}, bucket

    ),

    ranked as (

        select
            *,
            sum(call_count) over (partition by {{ keys }} order by response_time_ms) as calls_so_far,
            sum(call_count) over (partition by {{ keys }}) - 1 as last_rank
        from buckets

    ),

    neighbours as (

        select
            {{ keys }},
            array_agg(bucket order by bucket) as response_time_buckets,
            array_agg(call_count order by bucket) as response_time_calls,
            {%- for percentage in percentages %}
            max({{ percentage / 100 }} * last_rank - floor({{ percentage / 100 }} * last_rank)) as weight_{{ percentage }},
            min(case when calls_so_far > floor({{ percentage / 100 }} * last_rank) then response_time_ms end)
                as below_{{ percentage }},
            min(case when calls_so_far > ceil({{ percentage / 100 }} * last_rank) then response_time_ms end)
                as above_{{ percentage }}{{ ',' if not loop.last }}
            {%- endfor %}
        from ranked
        group by {{ keys }}

    )

    select
        {{ keys }},
        response_time_buckets,
        response_time_calls,
        {%- for percentage in percentages %}
        cast(
            below_{{ percentage }} + (above_{{ percentage }} - below_{{ percentage }}) * weight_{{ percentage }}
            as {{ type_ratio() }}
        ) as p{{ percentage }}_response_time_ms{{ ',' if not loop.last }}
        {%- endfor %}
    from neighbours
{%- endmacro %}
