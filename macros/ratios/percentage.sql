{% macro percentage(numerator, denominator) -%}
    cast(
        100 * cast({{ numerator }} as numeric(38, 6)) / nullif({{ denominator }}, 0) as {{ type_ratio() }}
    )
{%- endmacro %}
