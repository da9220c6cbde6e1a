{% macro efficiency_score(cost_per_qualified_lead) -%}
    case
        -- least and greatest pass over NULL
        when {{ cost_per_qualified_lead }} is not null
            then cast(round(
                least(greatest(100 - {{ var('efficiency_points_per_usd') }} * {{ cost_per_qualified_lead }}, 0), 100)
            ) as integer)
    end
{%- endmacro %}
