{% macro source_columns(table_name) %}
    {{ return(adapter.dispatch('source_columns', 'leadgen_analytics')(source('app', table_name))) }}
{% endmacro %}


{# The catalogue, not information_schema: it knows precise types, and this keeps only what the role may read. #}
{% macro postgres__source_columns(relation) %}
    {% if not execute %}{{ return({}) }}{% endif %}
    {% set query %}
        select a.attname, format_type(a.atttypid, a.atttypmod)
        from pg_catalog.pg_attribute as a
        where
            a.attrelid = to_regclass({{ dbt.string_literal(relation.include(database=false) | string) }})
            and a.attnum > 0
            and not a.attisdropped
            and has_column_privilege(a.attrelid, a.attnum, 'select')
            and has_schema_privilege({{ dbt.string_literal(relation.schema) }}, 'usage')
    {% endset %}
    {% set columns = {} %}
    {% for row in run_query(query).rows %}
        {% do columns.update({row[0]: row[1]}) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}
