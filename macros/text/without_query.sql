{# An address without what may hold a key: credentials before `@`, and everything from the first of ? # & ; on. #}
{% macro without_query(text) -%}
    {%- set address = namespace(sql="case when " ~ text ~ " like '%@%' then " ~ dbt.split_part(text, "'@'", 2) ~ " else " ~ text ~ " end") -%}
    {%- for separator in ['?', '#', '&', ';'] -%}
        {%- set address.sql = dbt.split_part(address.sql, "'" ~ separator ~ "'", 1) -%}
    {%- endfor -%}
    {{ blank_to_null(address.sql) }}
{%- endmacro %}
