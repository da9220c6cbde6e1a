{% macro epoch_time() -%}
    cast('1970-01-01 00:00:00+00' as {{ type_timestamptz() }})
{%- endmacro %}


{# A record without a usable time still counts somewhere, and is found in data_quality_issues. #}
{% macro time_or_epoch(timestamp) -%}
    coalesce({{ timestamp }}, {{ epoch_time() }})
{%- endmacro %}


{% macro local_time(timestamp) %}
    {{- return(adapter.dispatch('time_in_zone', 'leadgen_analytics')(timestamp, var('reporting_timezone'))) -}}
{% endmacro %}


{% macro utc_time(timestamp) %}
    {{- return(adapter.dispatch('time_in_zone', 'leadgen_analytics')(timestamp, 'UTC')) -}}
{% endmacro %}


{% macro postgres__time_in_zone(timestamp, time_zone) -%}
    ({{ timestamp }} at time zone '{{ time_zone }}')
{%- endmacro %}


{% macro local_date(timestamp) -%}
    cast({{ local_time(timestamp) }} as date)
{%- endmacro %}


{% macro local_hour(timestamp) -%}
    cast(extract(hour from {{ local_time(timestamp) }}) as integer)
{%- endmacro %}


{% macro utc_hour(timestamp) %}
    {{- return(adapter.dispatch('utc_hour', 'leadgen_analytics')(timestamp)) -}}
{% endmacro %}


{% macro postgres__utc_hour(timestamp) -%}
    date_trunc('hour', {{ timestamp }}, 'UTC')
{%- endmacro %}


{% macro hour_start(date, hour) %}
    {{- return(adapter.dispatch('hour_start', 'leadgen_analytics')(date, hour, var('reporting_timezone'))) -}}
{% endmacro %}


{# Recorded `date` and `hour` columns are in UTC, whatever the reporting time zone. #}
{% macro recorded_hour_start(date, hour) %}
    {{- return(adapter.dispatch('hour_start', 'leadgen_analytics')(date, hour, 'UTC')) -}}
{% endmacro %}


{% macro postgres__hour_start(date, hour, time_zone) -%}
    ((cast({{ date }} as timestamp) + {{ hour }} * interval '1 hour') at time zone '{{ time_zone }}')
{%- endmacro %}


{#
  Whether a table's recorded hours are some other zone's than UTC: in 95 % of its rows the UTC hour of created_at is one and
  the same number of hours past them, by the clock. None is right, and one is what an aggregator writes, after its hour.
  Asked of the source with each run.
#}
{% macro hours_are_local(table_name) %}
    {% if not execute or ['hour', 'created_at'] | reject('in', source_columns(table_name)) | list %}
        {{ return(false) }}
    {% endif %}
    {% set query %}
        select hours_off not in (0, 1) and row_count >= 0.95 * sum(row_count) over () as are_local
        from (
            select
                mod(cast(extract(hour from {{ utc_time('created_at') }}) as integer) - hour + 24, 24) as hours_off,
                count(*) as row_count
            from ({{ read_source(table_name, repair_keys=false) }}) as recorded
            where hour between 0 and 23 and created_at is not null
            group by 1
        ) as offsets
        order by row_count desc
        limit 1
    {% endset %}
    {% set rows = run_query(query).rows %}
    {{ return(rows | length > 0 and rows[0][0]) }}
{% endmacro %}


{# The start of the hour that a recorded row sums up: its own date and hour, or created_at first where those `are_local`. #}
{% macro start_of_sum(are_local) -%}
    {%- set starts = [
        'case when hour between 0 and 23 then ' ~ recorded_hour_start('date', 'hour') ~ ' end', utc_hour('created_at'),
    ] -%}
    coalesce({{ (starts | reverse if are_local else starts) | join(', ') }})
{%- endmacro %}


{# The start of the block of so many seconds, counted from 1970, that a time falls into. #}
{% macro epoch_block(timestamp, seconds) %}
    {{- return(adapter.dispatch('epoch_block', 'leadgen_analytics')(timestamp, seconds)) -}}
{% endmacro %}


{% macro postgres__epoch_block(timestamp, seconds) -%}
    date_bin({{ seconds }} * interval '1 second', {{ timestamp }}, {{ epoch_time() }})
{%- endmacro %}


{% macro seconds_later(timestamp, seconds) %}
    {{- return(adapter.dispatch('seconds_later', 'leadgen_analytics')(timestamp, seconds)) -}}
{% endmacro %}


{% macro postgres__seconds_later(timestamp, seconds) -%}
    ({{ timestamp }} + {{ seconds }} * interval '1 second')
{%- endmacro %}


{% macro days_later(date, days) -%}
    cast({{ dbt.dateadd('day', days, date) | trim }} as date)
{%- endmacro %}
