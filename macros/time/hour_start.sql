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
