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


{% macro cast_source_column(column_name, actual_type, wanted_type) %}
    {{- return(adapter.dispatch('cast_source_column', 'leadgen_analytics')(column_name, actual_type, wanted_type)) -}}
{% endmacro %}


{#
  NaN, infinity, what is too large for the declared type and times before year 1 or after 9999 are values that no sum
  or date survives, so they are read as NULL. What has a cast of its own is cast; only text and the like goes value by
  value, which is slow. Text gets the database's own collation: a column's own may allow no pattern, or fit no other's.
#}
{% macro postgres__cast_source_column(column_name, actual_type, wanted_type) %}
    {%- set column = adapter.quote(column_name) -%}
    {%- set actual, wanted = numeric_type(actual_type or ''), numeric_type(wanted_type) -%}
    {%- if actual_type is none -%}
        cast(null as {{ wanted_type }})
    {%- elif wanted_type == 'text' -%}
        cast({{ column }} as text) collate "default"
    {%- elif wanted_type == 'uuid' and (actual or is_text(actual_type)) -%}
        {{ uuid_of_text('cast(' ~ column ~ ' as text) collate "default"') }}
    {%- elif wanted_type == 'uuid[]' and (is_text(actual_type, '[]') or numeric_type(actual_type | replace('[]', ''))) -%}
        (
            select array_agg({{ uuid_of_text('cast(element as text) collate "default"') }} order by place)
            from unnest({{ column }}) with ordinality as elements (element, place)
        )
    {%- elif actual and wanted and actual.digits <= wanted.digits and actual.scale <= wanted.scale -%}
        cast({{ "nullif(cast(" ~ column ~ " as " ~ actual_type ~ "), 'NaN')" if actual.is_decimal else column }} as {{ wanted_type }})
    {%- elif actual and wanted -%}
        case when {{ column }} between -{{ wanted.largest }} and {{ wanted.largest }} then cast({{ column }} as {{ wanted_type }}) end
    {%- elif actual_type == 'money' and wanted -%}
        {%- set number = 'cast(' ~ column ~ ' as numeric)' -%}
        case when {{ number }} between -{{ wanted.largest }} and {{ wanted.largest }} then cast({{ number }} as {{ wanted_type }}) end
    {%- elif wanted_type == 'boolean' and actual -%}
        ({{ column }} <> 0)
    {%- elif wanted_type in calendar_types() and actual_type in calendar_types() -%}
        case when {{ is_in_calendar(column, actual_type) }} then {{ cast_time(column, actual_type, wanted_type) }} end
    {%- elif wanted_type in calendar_types() -%}
        (
            select value
            from (select cast({{ try_cast(column, wanted_type) }} as {{ wanted_type }}) as value) as readable
            where {{ is_in_calendar('value', wanted_type) }}
        )
    {%- elif wanted_type == actual_type or (wanted_type == 'text[]' and is_text(actual_type, '[]')) -%}
        cast({{ column }} as {{ wanted_type }})
    {%- else -%}
        cast({{ try_cast(column, wanted_type) }} as {{ wanted_type }})
    {%- endif -%}
{% endmacro %}


{# Whether a type, or with `suffix` an array of it, is text by another name. #}
{% macro is_text(type, suffix='') %}
    {% set names = ['text', 'character varying', 'character', 'citext', 'name'] %}
    {{ return(type.endswith(suffix) and type[:type | length - suffix | length].split('.')[-1] in names) }}
{% endmacro %}


{% macro calendar_types() %}
    {{ return(['timestamp with time zone', 'timestamp without time zone', 'date']) }}
{% endmacro %}


{# A time or date as another one. What has no zone is in source_timezone, whoever asks. #}
{% macro cast_time(column, actual_type, wanted_type) -%}
    {%- if 'without' in actual_type or actual_type == 'date' -%}
        {%- if wanted_type == 'date' -%}
            cast({{ column }} as date)
        {%- else -%}
            cast({{ column }} as timestamp without time zone) at time zone '{{ var('source_timezone') }}'
        {%- endif -%}
    {%- elif wanted_type == 'date' -%}
        cast({{ column }} at time zone 'UTC' as date)
    {%- else -%}
        cast({{ column }} as timestamp with time zone)
    {%- endif -%}
{%- endmacro %}


{#
  The uuid that a key of another type stands for, the same wherever the key is written: a uuid's text is that uuid, and
  any other text or number is md5(key)::uuid.
#}
{% macro uuid_of_text(text) -%}
    {%- set bare = 'trim(translate(' ~ text ~ ", '{}', ''))" -%}
    case
        when {{ bare }} ~ '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$' then cast({{ bare }} as uuid)
        else cast(md5({{ blank_to_null(text) }}) as uuid)
    end
{%- endmacro %}


{# Whether a date or timestamp lies in the years 1 to 9999, UTC. #}
{% macro is_in_calendar(column, type) -%}
    {{ column }} between cast('0001-01-01 00:00:00+00' as {{ type }})
    and cast('9999-12-31 {{ '00:00:00' if type == 'date' else '23:59:59.999999' }}+00' as {{ type }})
{%- endmacro %}


{# Digits before and after the point that a numeric type holds, and its largest value; none for any other type. #}
{% macro numeric_type(type) %}
    {%- set integers = {'smallint': (5, '32767'), 'integer': (10, '2147483647'), 'bigint': (19, '9223372036854775807')} -%}
    {%- if type in integers -%}
        {{ return({'digits': integers[type][0], 'scale': 0, 'largest': integers[type][1], 'is_decimal': false}) }}
    {%- elif type.startswith('numeric(') -%}
        {%- set precision, scale = (type[8:-1] ~ ',0').split(',')[:2] | map('int') -%}
        {%- set digits = precision - scale -%}
        {{ return({
            'digits': digits,
            'scale': scale,
            'largest': '9' * digits ~ ('.' ~ '9' * scale if scale else ''),
            'is_decimal': true,
        }) }}
    {%- elif type in ('numeric', 'real', 'double precision') -%}
        {#- as many digits as it likes -#}
        {{ return({'digits': 999, 'scale': 999, 'largest': none, 'is_decimal': true}) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}


{#
  One in the last place that a column of numbers can hold, 0 if it holds any number of places: what is added to it is
  rounded to that each time.
#}
{% macro last_place(table_name, column_name) -%}
    {%- set type = numeric_type(source_columns(table_name).get(column_name) or '') -%}
    cast({{ '1e-' ~ type.scale if type and type.largest else '0.01' if source_columns(table_name).get(column_name) == 'money' else '0' }} as {{ type_money() }})
{%- endmacro %}


{# A time or date as an index on its column can serve it: uncleaned, so that it may be NULL or infinite. For filters. #}
{% macro indexed_time(column_name, actual_type, wanted_type) %}
    {{- return(adapter.dispatch('indexed_time', 'leadgen_analytics')(column_name, actual_type, wanted_type)) -}}
{% endmacro %}


{% macro postgres__indexed_time(column_name, actual_type, wanted_type) -%}
    {%- set column = adapter.quote(column_name) -%}
    {%- if actual_type == wanted_type -%}
        {{ column }}
    {%- elif actual_type in calendar_types() and wanted_type in calendar_types() -%}
        {{ cast_time(column, actual_type, wanted_type) }}
    {%- else -%}
        {{ cast_source_column(column_name, actual_type, wanted_type) }}
    {%- endif -%}
{%- endmacro %}


{% macro coordinate(column_name, actual_type, axis) %}
    {{- return(adapter.dispatch('coordinate', 'leadgen_analytics')(column_name, actual_type, axis)) -}}
{% endmacro %}


{#
  What is no degree (a projected coordinate, NaN, infinity) is read as NULL, and so is what is no point: PostGIS refuses
  to give the axis of a line or an area, which would fail every query on the leads.
#}
{% macro postgres__coordinate(column_name, actual_type, axis) -%}
    {%- set type = (actual_type or 'missing').split('(')[0] -%}
    {%- if type == 'point' -%}
        {%- set value = adapter.quote(column_name) ~ '[' ~ (0 if axis == 'x' else 1) ~ ']' -%}
    {%- elif type.split('.')[-1] in ('geography', 'geometry') and may_use_type(type) -%}
        {#- PostGIS may live in a schema of its own, which the type's name gives when it is not on the search path. -#}
        {%- set schema = type.rpartition('.')[0] ~ '.' if '.' in type else '' -%}
        {%- set geometry = 'cast(' ~ adapter.quote(column_name) ~ ' as ' ~ schema ~ 'geometry)' -%}
        {%- set value = 'case when ' ~ schema ~ 'geometrytype(' ~ geometry ~ ") in ('POINT', 'POINTM') and "
            ~ schema ~ 'st_srid(' ~ geometry ~ ') in (0, 4326) then ' ~ schema ~ 'st_' ~ axis ~ '(' ~ geometry ~ ') end' -%}
    {%- else -%}
        {%- set value = 'cast(null as double precision)' -%}
    {%- endif -%}
    {%- set limit = 180 if axis == 'x' else 90 -%}
    cast(case when {{ value }} between -{{ limit }} and {{ limit }} then {{ value }} end as numeric(10, 7))
{%- endmacro %}


{# Whether the role may use the schema in which a type is, and its functions. #}
{% macro may_use_type(type) %}
    {% if not execute %}{{ return(false) }}{% endif %}
    {% set query %}
        select count(*)
        from pg_catalog.pg_type as t
        inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
        where
            format_type(t.oid, null) = {{ literal(type) }}
            and has_schema_privilege(n.oid, 'usage')
    {% endset %}
    {{ return(run_query(query).rows[0][0] > 0) }}
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
