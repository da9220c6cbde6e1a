{% macro roi_percentage(qualified_leads, cost) -%}
    {{ percentage('(' ~ qualified_leads ~ ' * ' ~ var('qualified_lead_value_usd') ~ ' - ' ~ cost ~ ')', cost) }}
{%- endmacro %}
