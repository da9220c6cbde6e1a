{#
  The select that staging reads a table with. `tracked` names a time column and adds two columns, from which incremental
  models learn what has changed: source_<that column>, for filters that an index on it can serve, and row_version.
#}
{% macro read_source(table_name, tracked=none, repair_keys=true) %}
    {%- do refuse_as_package() -%}
    {%- set relation = source('app', table_name) -%}
    {%- set present = source_columns(table_name) -%}
    {%- set declared = declared_source(table_name).columns if execute else {} -%}
    select
    {%- for column in declared.values() %}
        {%- set is_optional = not column.config.meta.get('required') %}
        {%- set value = cast_source_column(column.name, present.get(column.name), column.data_type) %}
        {%- if column.data_type == 'point' %}
        {{ coordinate(column.name, present.get(column.name), 'x') }} as {{ column.name }}_x,
        {{ coordinate(column.name, present.get(column.name), 'y') }} as {{ column.name }}_y
        {%- elif column.name == 'id' and (is_optional or repair_keys and may_lack_key(table_name)) %}
        {{ value_or_row_key(value, table_name) }} as id
        {%- else %}
        {{ value }} as {{ adapter.quote(column.name) }}
        {%- endif %}
        {{- ',' if tracked or not loop.last }}
    {%- else %}
        *
    {%- endfor %}
    {%- if tracked and execute %}
        {{ indexed_time(tracked, present.get(tracked), declared[tracked].data_type) }} as source_{{ tracked }},
        {{ row_version(table_name) }} as row_version
    {%- endif %}
    {%- if present or not execute %}
    from {{ relation }} as stored
    {{ where_key_is_not_repeated(table_name) if repair_keys }}
    {%- else %}
    where false
    {%- endif %}
{%- endmacro %}


{# The source's node of dbt's graph, its schema named as the database has it. #}
{% macro declared_source(table_name) %}
    {% if not execute %}{{ return(none) }}{% endif %}
    {% for source_name in ('app', 'audit') %}
        {% set source_id = 'source.' ~ project_name ~ '.' ~ source_name ~ '.' ~ table_name %}
        {% if source_id in graph.get('sources', {}) %}
            {% set node = graph.sources[source_id] %}
            {{ return(dict(node, schema=name_in_database(node.schema))) }}
        {% endif %}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}


{# app.yml doubles the quotation marks in its schema's name, because dbt quotes names without a look at what is in them. #}
{% macro name_in_database(schema) %}
    {{ return(schema | replace('""', '"')) }}
{% endmacro %}


{% macro source_columns(table_name) %}
    {% set table, columns = declared_source(table_name), {} %}
    {% set found = relation_columns(table) %}
    {% for column in found if column.is_readable and not has_another_structure(table, found) %}
        {% do columns.update({column.name: column.type}) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}


{#
  Whether a relation with a table's name is something else: it has none of the columns by which the table is known, though
  it has columns that the table has not: two, or one where it lacks a required one as well. What the role may not read counts as well.
#}
{% macro has_another_structure(table, columns) %}
    {% set marks = table.config.meta.get('known_by', []) if table is not none else [] %}
    {% set names = columns | map(attribute='name') | list %}
    {% if not marks or not names or marks | select('in', names) | list %}{{ return(false) }}{% endif %}
    {% set unknown, lacks_required = names | reject('in', table.columns) | list | length, [] %}
    {% for column in table.columns.values() if column.config.meta.get('required') and column.name not in names %}
        {% do lacks_required.append(column.name) %}
    {% endfor %}
    {{ return(unknown > 1 or (unknown == 1 and lacks_required | length > 0)) }}
{% endmacro %}


{% macro relation_columns(table) %}
    {{ return(adapter.dispatch('relation_columns', 'leadgen_analytics')(table)) }}
{% endmacro %}


{#
  The catalogue, not information_schema: it knows precise types, and what there is that the role may not read. The type is
  what values are: the one that a domain is over, and without a precision that says nothing of what they mean. A number
  keeps it: it says how large they can be.
#}
{% macro postgres__relation_columns(table) %}
    {% if table is none %}{{ return([]) }}{% endif %}
    {% set query %}
        with recursive columns as (
            select
                a.attnum,
                a.attname,
                a.atttypid as type_oid,
                a.atttypmod as modifier,
                has_schema_privilege(n.oid, 'usage') and has_column_privilege(c.oid, a.attnum, 'select') as is_readable
            from pg_catalog.pg_attribute as a
            inner join pg_catalog.pg_class as c on a.attrelid = c.oid
            inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
            where
                n.nspname = {{ dbt.string_literal(dbt.escape_single_quotes(table.schema)) }}
                and c.relname = {{ dbt.string_literal(table.identifier) }}
                and c.relkind in ('r', 'p', 'v', 'm', 'f')
                and a.attnum > 0
                and not a.attisdropped
            union all
            select columns.attnum, columns.attname, t.typbasetype, t.typtypmod, columns.is_readable
            from columns
            inner join pg_catalog.pg_type as t on columns.type_oid = t.oid
            where t.typtype = 'd'
        )

        select
            columns.attname,
            format_type(
                columns.type_oid, case when t.typcategory in ('A', 'B', 'D', 'S') then null else columns.modifier end
            ),
            columns.is_readable
        from columns
        inner join pg_catalog.pg_type as t on columns.type_oid = t.oid
        where t.typtype <> 'd'
        order by columns.attnum
    {% endset %}
    {% set columns = [] %}
    {% for row in run_query(query).rows %}
        {% do columns.append({'name': row[0], 'type': row[1], 'is_readable': row[2]}) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}


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


{# Which of Postgres's own columns of a source table the role may read: none of a view has any, nor what is not read. #}
{% macro system_columns(table_name) %}
    {% set table = declared_source(table_name) %}
    {% if not source_columns(table_name) %}{{ return([]) }}{% endif %}
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


{#
  Of rows with the same key, the one written last. Nothing where the database keeps the key unique, as it should, because
  to look through a table for that takes long. Nor of a partitioned table, whose keys are unique by partition at best, and
  whose size forbids it; nor of a view, where no row has a place.
#}
{% macro where_key_is_not_repeated(table_name) %}
    {{- return(adapter.dispatch('where_key_is_not_repeated', 'leadgen_analytics')(table_name)) -}}
{% endmacro %}


{% macro postgres__where_key_is_not_repeated(table_name) -%}
    {%- set table = source('app', table_name) -%}
    {%- set key = 'id' if 'id' in declared_source(table_name).columns else 'user_id' -%}
    {%- set readable = system_columns(table_name) + (source_columns(table_name).keys() | list) -%}
    {%- if [key, 'ctid', 'tableoid'] | reject('in', readable) | list -%}{{ return('') }}{%- endif -%}
    {%- if is_enforced({'table': table_name, 'columns': [key], 'unique': true}) -%}{{ return('') }}{%- endif -%}
    {%- if run_query("select relkind from pg_class where oid = " ~ oid_of(table)).rows[0][0] == 'r' -%}
        where not exists (
            select
            from {{ table }} as newer
            where
                newer.{{ key }} = stored.{{ key }}
                and (newer.tableoid, newer.ctid) > (stored.tableoid, stored.ctid)
        )
    {%- endif -%}
{%- endmacro %}
