{% macro days_later(date, days) -%}
    cast({{ dbt.dateadd('day', days, date) | trim }} as date)
{%- endmacro %}
