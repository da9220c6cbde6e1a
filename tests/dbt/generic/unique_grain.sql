{#
  Combinations of columns that occur more than once (NULL counts as a value), or that lack one of the columns in
  `not_null`. One test for both, because a mart is computed anew for every test that reads it.
#}
{% test unique_grain(model, columns, not_null=[]) %}
    select {{ columns | join(', ') }}, count(*) as row_count
    from {{ model }}
    group by {{ columns | join(', ') }}
    having
        count(*) > 1
        {%- for column in not_null %}
        or {{ column }} is null
        {%- endfor %}
{% endtest %}
