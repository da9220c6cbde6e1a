{% macro local_hour(timestamp) -%}
    cast(extract(hour from {{ local_time(timestamp) }}) as integer)
{%- endmacro %}
