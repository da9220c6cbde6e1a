{# What can be wrong with the created_at of any record. #}
{% macro time_issues(relation) -%}
    {{ issue(
        'future_timestamp', 'warning', relation,
        where='created_at > ' ~ latest_plausible_time(),
        details=text_of(["'created_at is '", 'created_at'])
    ) }}

    union all

    {{ issue(
        'missing_timestamp', 'warning', relation,
        where='created_at = ' ~ epoch_time(),
        details="'created_at is missing or infinite: read as 1970-01-01'"
    ) }}
{%- endmacro %}
