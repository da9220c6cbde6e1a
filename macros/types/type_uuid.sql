{% macro type_uuid() %}
    {{- return(adapter.dispatch('type_uuid', 'leadgen_analytics')()) -}}
{% endmacro %}


{% macro postgres__type_uuid() -%}
    uuid
{%- endmacro %}
