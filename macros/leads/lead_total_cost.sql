{# The recorded total or, where a NULL part has made it NULL, the sum of the parts that are there; NULL without any. #}
{% macro lead_total_cost(leads) -%}
    coalesce(
        {{ leads }}.total_cost,
        case
            when
                coalesce({{ leads }}.discovery_cost, {{ leads }}.enrichment_cost, {{ leads }}.validation_cost)
                is not null
                then
                    coalesce({{ leads }}.discovery_cost, 0)
                    + coalesce({{ leads }}.enrichment_cost, 0)
                    + coalesce({{ leads }}.validation_cost, 0)
        end
    )
{%- endmacro %}
