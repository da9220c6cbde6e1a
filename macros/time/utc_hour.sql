{% macro utc_hour(timestamp) %}
    {{- return(adapter.dispatch('utc_hour', 'leadgen_analytics')(timestamp)) -}}
{% endmacro %}


{% macro postgres__utc_hour(timestamp) -%}
    date_trunc('hour', {{ timestamp }}, 'UTC')
{%- endmacro %}
