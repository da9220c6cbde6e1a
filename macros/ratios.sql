{# NULL where the denominator is 0 or NULL: no spend is not free, and nothing of nothing is no rate. Rounded once. #}
{% macro ratio(numerator, denominator, type=none) -%}
    cast(
        cast({{ numerator }} as numeric(38, 10)) / nullif({{ denominator }}, 0) as {{ type or type_ratio() }}
    )
{%- endmacro %}


{% macro percentage(numerator, denominator) -%}
    cast(
        100 * cast({{ numerator }} as numeric(38, 10)) / nullif({{ denominator }}, 0) as {{ type_ratio() }}
    )
{%- endmacro %}


{% macro roi_percentage(qualified_leads, cost) -%}
    {{ percentage('(' ~ qualified_leads ~ ' * ' ~ var('qualified_lead_value_usd') ~ ' - ' ~ cost ~ ')', cost) }}
{%- endmacro %}


{% macro efficiency_score(cost_per_qualified_lead) -%}
    case
        -- least and greatest pass over NULL
        when {{ cost_per_qualified_lead }} is not null
            then cast(round(
                least(greatest(100 - {{ var('efficiency_points_per_usd') }} * {{ cost_per_qualified_lead }}, 0), 100)
            ) as integer)
    end
{%- endmacro %}


{# The worse of day and month. A limit of 0 has no utilisation, and any spend exceeds it. #}
{% macro alert_level() -%}
    {%- set worst -%}
        greatest(coalesce(daily_utilization_percentage, 0), coalesce(monthly_utilization_percentage, 0))
    {%- endset -%}
    case
        when {{ worst }} >= {{ var('budget_exceeded_percentage') }} then 'exceeded'
        when daily_budget_limit = 0 and spend > 0 then 'exceeded'
        when monthly_budget_limit = 0 and month_to_date_spend > 0 then 'exceeded'
        when {{ worst }} >= {{ var('budget_critical_percentage') }} then 'critical'
        when
            {{ worst }} >= alert_threshold
            and coalesce(daily_utilization_percentage, monthly_utilization_percentage) is not null
            then 'warning'
        else 'ok'
    end
{%- endmacro %}
