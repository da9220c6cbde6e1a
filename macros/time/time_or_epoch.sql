{# A record without a usable time still counts somewhere, and is found in data_quality_issues. #}
{% macro time_or_epoch(timestamp) -%}
    coalesce({{ timestamp }}, {{ epoch_time() }})
{%- endmacro %}
