{% macro type_timestamptz() %}
    {{- return(adapter.dispatch('type_timestamptz', 'leadgen_analytics')()) -}}
{% endmacro %}


{% macro postgres__type_timestamptz() -%}
    timestamptz
{%- endmacro %}
