{% macro local_time(timestamp) %}
    {{- return(adapter.dispatch('local_time', 'leadgen_analytics')(timestamp)) -}}
{% endmacro %}


{% macro postgres__local_time(timestamp) -%}
    ({{ timestamp }} at time zone '{{ var('reporting_timezone') }}')
{%- endmacro %}
