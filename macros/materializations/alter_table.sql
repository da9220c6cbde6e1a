{# Committed at once, pre-hooks included, in order not to hold an exclusive lock while the rows are made. #}
{% macro alter_table(relation, clauses) %}
    {% do run_ddl_patiently('alter table ' ~ relation.render() ~ ' ' ~ clauses) %}
    {% do adapter.commit() %}
    {% do begin_again() %}
{% endmacro %}


{# dbt's own drops the column with `cascade`, and with it the views that use it. This fails, and names the view. #}
{% macro postgres__alter_column_type(relation, column_name, new_column_type) %}
    {% do alter_table(relation, 'alter column ' ~ adapter.quote(column_name) ~ ' type ' ~ new_column_type) %}
{% endmacro %}


{# dbt's own holds its lock until the rows are made. #}
{% macro postgres__alter_relation_add_remove_columns(relation, add_columns=none, remove_columns=none) %}
    {% set clauses = [] %}
    {% for column in add_columns or [] %}
        {% do clauses.append('add column ' ~ column.quoted ~ ' ' ~ column.expanded_data_type) %}
    {% endfor %}
    {% for column in remove_columns or [] %}
        {% do clauses.append('drop column ' ~ column.quoted) %}
    {% endfor %}
    {% do alter_table(relation, clauses | join(', ')) %}
{% endmacro %}
