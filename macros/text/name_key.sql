{# A business name without case, white space and punctuation; NULL if nothing is left. #}
{% macro name_key(name) %}
    {{- return(adapter.dispatch('name_key', 'leadgen_analytics')(name)) -}}
{% endmacro %}


{% macro postgres__name_key(name) -%}
    nullif(regexp_replace(lower({{ name }}), '[[:space:][:punct:]]+', '', 'g'), '')
{%- endmacro %}
