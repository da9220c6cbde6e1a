{# Values that occur more than once, or are missing: one test for both, as each test is a query of its own. #}
{% test key(model, column_name) %}
    select {{ column_name }}, count(*) as row_count
    from {{ model }}
    group by {{ column_name }}
    having count(*) > 1 or {{ column_name }} is null
{% endtest %}
