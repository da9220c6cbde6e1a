{# The part of an address before `?`, because a query string may hold an API key. #}
{% macro without_query(text) -%}
    {{ blank_to_null(dbt.split_part(text, "'?'", 1)) }}
{%- endmacro %}
