{% macro type_ratio() -%}
    numeric(18, 6)
{%- endmacro %}
