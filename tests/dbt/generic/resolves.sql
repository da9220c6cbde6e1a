{# Rows whose value is in none of the parents. NULL names nothing, so it is not looked up. #}
{% test resolves(model, column_name, to, field) %}
    select child.{{ column_name }}
    from (select * from {{ model }}) as child
    where
        child.{{ column_name }} is not null
        {%- for parent in ([] if enforced_rule() else to) %}
        and not exists (
            select 1 from {{ rows_of(parent) }} as parent
            where {{ field }} = child.{{ column_name }}
        )
        {%- endfor %}
{% endtest %}
