{#
  Values that name nothing in the parent and are not listed in data_quality_issues either: what cannot be attributed may
  stand in a mart, but never silently.
#}
{% test resolves_or_is_listed(model, column_name, to, field, listed_as='campaign_id', listed_by=none) %}
    select child.*
    from {{ model }} as child
    where
        child.{{ column_name }} is not null
        and child.{{ column_name }} not in (select {{ field }} from {{ to }} where {{ field }} is not null)
        and cast(child.{{ listed_by or column_name }} as {{ dbt.type_string() }}) not in (
            select cast({{ listed_as }} as {{ dbt.type_string() }})
            from {{ ref('data_quality_issues') }}
            where issue_type in ('orphan_business', 'orphan_api_call') and {{ listed_as }} is not null
        )
{% endtest %}
