{# For a mart's type that is narrower than what it is computed from: one impossible value must not fail every query. #}
{% macro cast_or_null(expression, precision, scale) -%}
    cast(
        case when abs({{ expression }}) < 1{{ '0' * (precision - scale) }} - 1 then {{ expression }} end
        as numeric({{ precision }}, {{ scale }})
    )
{%- endmacro %}
