{% macro type_jsonb() %}
    {{- return(adapter.dispatch('type_jsonb', 'leadgen_analytics')()) -}}
{% endmacro %}


{% macro postgres__type_jsonb() -%}
    jsonb
{%- endmacro %}
