{#
  A number that changes whenever a row is written: the id of the transaction that wrote it, which Postgres keeps with
  each row. A view has none, and a role may lack the right to read it; then a hash of the columns that are read.
#}
{% macro row_version(table_name) %}
    {{- return(adapter.dispatch('row_version', 'leadgen_analytics')(table_name)) -}}
{% endmacro %}


{% macro postgres__row_version(table_name) -%}
    {%- set present = source_columns(table_name) -%}
    {%- if not present -%}
        cast(null as bigint)
    {%- elif 'xmin' in system_columns(table_name) -%}
        cast(cast(xmin as text) as bigint)
    {%- else -%}
        {%- set read = declared_source(table_name).columns.values() | map(attribute='name') | select('in', present) -%}
        {%- set quoted = [] -%}
        {%- for column in read -%}{%- do quoted.append(adapter.quote(column)) -%}{%- endfor -%}
        hashtextextended(cast(row({{ quoted | join(', ') }}) as text), 0)
    {%- endif -%}
{%- endmacro %}


{# Whether a row of the table may come without a readable id. A view is trusted. #}
{% macro may_lack_key(table_name) %}
    {% if 'ctid' not in system_columns(table_name) %}{{ return(false) }}{% endif %}
    {% set is_kept = is_enforced({'table': table_name, 'columns': ['id'], 'not_null': true}) %}
    {{ return(not (is_kept and are_read_as_they_are(table_name, ['id']))) }}
{% endmacro %}


{# A key for a row whose own is missing: from where it is stored, which holds until the row is next written. #}
{% macro value_or_row_key(value, table_name) %}
    {{- return(adapter.dispatch('value_or_row_key', 'leadgen_analytics')(value, table_name)) -}}
{% endmacro %}


{% macro postgres__value_or_row_key(value, table_name) -%}
    {%- set place = 'cast(ctid as text)' if 'ctid' in system_columns(table_name) else 'row_number() over ()' -%}
    {%- set type = declared_source(table_name).columns.id.data_type -%}
    coalesce({{ value }}, cast({{ hash_uuid(["'" ~ table_name ~ "'", place]) }} as {{ type }}))
{%- endmacro %}


{# Which of Postgres's own columns of a source table the role may read: none of a view has any. #}
{% macro system_columns(table_name) %}
    {% set table = declared_source(table_name) %}
    {% if table is none %}{{ return([]) }}{% endif %}
    {% set query %}
        select a.attname
        from pg_catalog.pg_attribute as a
        inner join pg_catalog.pg_class as c on a.attrelid = c.oid
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        where
            n.nspname = {{ dbt.string_literal(dbt.escape_single_quotes(table.schema)) }}
            and c.relname = {{ dbt.string_literal(table.identifier) }}
            and c.relkind in ('r', 'p')
            and a.attname in ('xmin', 'ctid', 'tableoid')
            and has_schema_privilege(n.oid, 'usage')
            and has_column_privilege(c.oid, a.attnum, 'select')
    {% endset %}
    {{ return(run_query(query).columns[0].values() | list) }}
{% endmacro %}
