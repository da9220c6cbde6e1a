{# An array of the value; NULL if the value is NULL. #}
{% macro array_of_one(value) %}
    {{- return(adapter.dispatch('array_of_one', 'leadgen_analytics')(value)) -}}
{% endmacro %}


{% macro postgres__array_of_one(value) -%}
    case when {{ value }} is not null then array[{{ value }}] end
{%- endmacro %}
