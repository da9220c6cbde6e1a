{# A relation with one row per element of an array, to select from laterally. #}
{% macro unnest(array) %}
    {{- return(adapter.dispatch('unnest', 'leadgen_analytics')(array)) -}}
{% endmacro %}


{% macro postgres__unnest(array) -%}
    unnest({{ array }})
{%- endmacro %}
