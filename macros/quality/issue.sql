{# One kind of defect, as a select over `relation`; to be unioned. #}
{% macro issue(issue_type, severity, relation, where, details, source_table='source_table') -%}
    select
        '{{ issue_type }}' as issue_type,
        {{ severity if severity.startswith('case') else "'" ~ severity ~ "'" }} as severity,
        {{ source_table }} as source_table,
        cast(record_id as {{ dbt.type_string() }}) as record_id,
        campaign_id,
        {{ details }} as details,
        created_at as detected_for
    from {{ relation }}
    where {{ where }}
{%- endmacro %}
