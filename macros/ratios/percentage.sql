{% macro percentage(numerator, denominator) -%}
    cast(
        100 * cast({{ numerator }} as {{ type_ratio() }}) / nullif({{ denominator }}, 0) as {{ type_ratio() }}
    )
{%- endmacro %}
