{# 0 to 100: 20 points for each of the five ways to know a business that is filled in. #}
{% macro filled_in_score(leads) -%}
    (
    {%- for column in ['business_name', 'address', 'phone', 'website', 'email'] %}
        case when {{ blank_to_null(leads ~ '.' ~ column) }} is null then 0 else 20 end
        {{- ' +' if not loop.last }}
    {%- endfor %}
    )
{%- endmacro %}
