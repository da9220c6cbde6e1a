{% macro local_time(timestamp) %}
    {{- return(adapter.dispatch('time_in_zone', 'leadgen_analytics')(timestamp, var('reporting_timezone'))) -}}
{% endmacro %}


{% macro utc_time(timestamp) %}
    {{- return(adapter.dispatch('time_in_zone', 'leadgen_analytics')(timestamp, 'UTC')) -}}
{% endmacro %}


{% macro postgres__time_in_zone(timestamp, time_zone) -%}
    ({{ timestamp }} at time zone '{{ time_zone }}')
{%- endmacro %}
