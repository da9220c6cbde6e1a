{% macro source_columns(table_name) %}
    {{ return(adapter.dispatch('source_columns', 'leadgen_analytics')(declared_source(table_name))) }}
{% endmacro %}


{# The catalogue, not information_schema: it knows precise types, and this keeps only what the role may read. #}
{% macro postgres__source_columns(table) %}
    {% if table is none %}{{ return({}) }}{% endif %}
    {% set query %}
        select a.attname, format_type(a.atttypid, a.atttypmod)
        from pg_catalog.pg_attribute as a
        inner join pg_catalog.pg_class as c on a.attrelid = c.oid
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        where
            n.nspname = {{ dbt.string_literal(dbt.escape_single_quotes(table.schema)) }}
            and c.relname = {{ dbt.string_literal(table.identifier) }}
            and a.attnum > 0
            and not a.attisdropped
            and has_schema_privilege(n.oid, 'usage')
            and has_column_privilege(c.oid, a.attnum, 'select')
    {% endset %}
    {% set columns = {} %}
    {% for row in run_query(query).rows %}
        {% do columns.update({row[0]: row[1]}) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}
