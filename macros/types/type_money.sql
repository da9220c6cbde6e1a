{% macro type_money() -%}
    numeric(18, 4)
{%- endmacro %}
