{#
  Also in a full refresh a seed is emptied and filled, not dropped: dropping it would take all marts away until they are
  built again, and seeds that are dropped at the same time wait for each other's dependents until the server ends one.
  Only a seed whose columns have changed is made anew.
#}
{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {% set before = adapter.get_columns_in_relation(old_relation) | map(attribute='name') | list %}
    {% set is_changed = before != agate_table.column_names | list %}
    {{ return(dbt.default__reset_csv_table(model, full_refresh and is_changed, old_relation, agate_table)) }}
{% endmacro %}
