{# Whether a JSON value is an `object` or an `array`. NULL, and JSON's own null, are neither wrong nor right: NULL. #}
{% macro json_is(column, kind) %}
    {{- return(adapter.dispatch('json_is', 'leadgen_analytics')(column, kind)) -}}
{% endmacro %}


{% macro postgres__json_is(column, kind) -%}
    (nullif(jsonb_typeof({{ column }}), 'null') = '{{ kind }}')
{%- endmacro %}
