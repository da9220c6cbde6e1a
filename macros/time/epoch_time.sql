{% macro epoch_time() -%}
    cast('1970-01-01 00:00:00+00' as {{ type_timestamptz() }})
{%- endmacro %}
