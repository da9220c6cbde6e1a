{# The exact percentile, interpolated; an aggregate. Cast, because engines differ in the last bit. #}
{% macro percentile(value, fraction) -%}
    cast(
        percentile_cont({{ fraction }}) within group (order by {{ value }}) as {{ type_ratio() }}
    )
{%- endmacro %}
