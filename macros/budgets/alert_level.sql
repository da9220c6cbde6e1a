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
