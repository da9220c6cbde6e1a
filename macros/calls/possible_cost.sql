{# A computed cost; NULL where no recorded cost, numeric(10,4), could be as large. #}
{% macro possible_cost(cost) -%}
    case when {{ cost }} between -999999.9999 and 999999.9999 then cast({{ cost }} as {{ type_money() }}) end
{%- endmacro %}
