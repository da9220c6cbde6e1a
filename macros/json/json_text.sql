{% macro json_text(column, path) %}
    {{- return(adapter.dispatch('json_text', 'leadgen_analytics')(column, path)) -}}
{% endmacro %}


{% macro postgres__json_text(column, path) -%}
    ({{ column }} #>> '{ {{- path | join(',') -}} }')
{%- endmacro %}
