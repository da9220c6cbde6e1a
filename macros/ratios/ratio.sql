{# NULL where the denominator is 0 or NULL: no spend is not free, and nothing of nothing is no rate. Rounded once. #}
{% macro ratio(numerator, denominator, type=none) -%}
    cast(
        cast({{ numerator }} as numeric(38, 6)) / nullif({{ denominator }}, 0) as {{ type or type_ratio() }}
    )
{%- endmacro %}
