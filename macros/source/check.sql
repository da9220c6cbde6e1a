{% macro check_source() %}
    {% do refuse_as_package() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% do refuse(bad_session()) %}
    {% do refuse(bad_variables()) %}
    {% set source = inspect_source() %}
    {% do refuse(bad_source(source)) %}
    {% do refuse(too_few_sessions()) %}
    {{ log('Source: schema ' ~ source.schema ~ ', shape ' ~ source.shape, info=true) }}
    {% if source.missing_tables %}
        {{ log('Missing tables, read as empty: ' ~ source.missing_tables | join(', '), info=true) }}
    {% endif %}
    {% for relation in source.other_relations %}
        {{ log(
            'Not that table, and read as missing: ' ~ relation.name ~ ' (it has none of ' ~ relation.known_by | join(', ') ~ ')',
            info=true
        ) }}
    {% endfor %}
    {% if source.missing_columns %}
        {{ log('Missing columns, read as NULL: ' ~ source.missing_columns | join(', '), info=true) }}
    {% endif %}
    {% if source.mistyped %}
        {% set texts = [] %}
        {% for column in source.mistyped %}
            {% do texts.append(column.name ~ ' (' ~ column.type ~ ', expected ' ~ column.expected ~ ')') %}
        {% endfor %}
        {{ log('Columns of another type, unreadable values read as NULL: ' ~ texts | join(', '), info=true) }}
    {% endif %}
    {% if source.left_tables %}
        {{ log(
            'Until this run the marts have read ' ~ source.left_tables | join(', ')
            ~ ', which has been renamed or is no longer the source', info=true
        ) }}
    {% endif %}
    {% if source.missing_indexes %}
        {{ log('Indexes missing, runs and marts are slower without: ' ~ source.missing_indexes | join(' '), info=true) }}
    {% endif %}
    {% do tell_of_unread_relations(source.present) %}
    {% do create_schemas() %}
    {% do create_functions() %}
    {#- only now, because it reads values with one of the functions -#}
    {% do refuse(unreadable_columns(source)) %}
    {% do refuse(logs_in_local_time(source)) %}
    {{ return('') }}
{% endmacro %}


{#
  What the source has and lacks: its `schema` and `shape`, the columns that are `present` by table, what is
  `missing_required`, the `missing_tables` and `missing_columns` that are read as empty, `mistyped` columns,
  `missing_indexes`, the statements, and `left_tables`, which views read from before a table was swapped.
#}
{% macro inspect_source() %}
    {% set found = {
        'schema': var('source_schema'), 'present': {}, 'missing_required': [], 'missing_tables': [], 'missing_columns': [],
        'mistyped': [], 'other_relations': [],
    } %}
    {% for node in graph.sources.values() if node.source_name == 'app' %}
        {% set columns = source_columns(node.name) %}
        {% do found.present.update({node.name: columns}) %}
        {% if not columns %}
            {% do found.missing_tables.append(node.name) %}
            {% if has_another_structure(declared_source(node.name), relation_columns(declared_source(node.name))) %}
                {% do found.other_relations.append({'name': node.name, 'known_by': node.config.meta.known_by}) %}
            {% endif %}
        {% endif %}
        {% for column in node.columns.values() if columns %}
            {% set name = node.name ~ '.' ~ column.name %}
            {% set actual_type = columns.get(column.name) %}
            {% if actual_type is none and column.config.meta.get('required') %}
                {% do found.missing_required.append('column ' ~ node.schema ~ '.' ~ name) %}
            {% elif actual_type is none %}
                {% do found.missing_columns.append(name) if not (column.config.meta.get('later') or has_other_form(node, column, columns)) %}
            {% elif
                column.data_type != 'point'
                and 'try_cast' in cast_source_column(column.name, actual_type, column.data_type)
            %}
                {% do found.mistyped.append({
                    'name': name, 'type': actual_type, 'expected': column.data_type, 'table': node.name,
                    'column': column.name, 'required': column.config.meta.get('required', false),
                }) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% if 'campaigns' in found.missing_tables %}
        {% do found.missing_required.append('table ' ~ found.schema ~ '.campaigns') %}
    {% endif %}
    {% if 'businesses' in found.missing_tables and 'enhanced_leads' in found.missing_tables %}
        {% do found.missing_required.append('table ' ~ found.schema ~ '.businesses (or ' ~ found.schema ~ '.enhanced_leads)') %}
    {% endif %}
    {% do found.update({
        'shape': 'enhanced' if not found.present.businesses else 'hybrid' if found.present.enhanced_leads else 'current',
        'missing_indexes': missing_indexes(found.present),
        'left_tables': left_tables(found.present),
    }) %}
    {{ return(found) }}
{% endmacro %}


{# Tables that staging's views read, by name, and that are not the source's: a view stays with a table that is renamed. #}
{% macro left_tables(present) %}
    {{ return(adapter.dispatch('left_tables', 'leadgen_analytics')(present)) }}
{% endmacro %}


{% macro postgres__left_tables(present) %}
    {% set query %}
        select distinct format('%I.%I', table_schema.nspname, tables.relname)
        from pg_catalog.pg_class as views
        inner join pg_catalog.pg_rewrite as rules on views.oid = rules.ev_class
        inner join pg_catalog.pg_depend as reads
            on rules.oid = reads.objid and reads.classid = 'pg_rewrite'::regclass and reads.refclassid = 'pg_class'::regclass
        inner join pg_catalog.pg_class as tables on reads.refobjid = tables.oid and views.oid <> tables.oid
        inner join pg_catalog.pg_namespace as table_schema on tables.relnamespace = table_schema.oid
        where
            views.relkind = 'v'
            and views.relnamespace = to_regnamespace({{ literal(adapter.quote(target.schema ~ '_staging')) }})
            and not starts_with(table_schema.nspname, {{ literal(target.schema) }})
            and not (
                table_schema.nspname = {{ literal(var('source_schema')) }}
                and tables.relname in ('{{ present | join("', '") }}')
            )
        order by 1
    {% endset %}
    {{ return(run_query(query).columns[0].values() | list) }}
{% endmacro %}


{#
  As a package, this project's materializations and hooks would be dbt's own, and its macros would look for its sources in
  another project. Said while dbt parses, before anything is there.
#}
{% macro refuse_as_package() %}
    {% if project_name != 'leadgen_analytics' %}
        {% do exceptions.raise_compiler_error(
            'leadgen_analytics builds as a project of its own, not as a package of ' ~ project_name ~ ': run it by itself,'
            ~ ' take it out of packages.yml, and read its marts as sources (docs/operating.md, "From another dbt project").'
        ) %}
    {% endif %}
{% endmacro %}


{# Stops the run with these sentences, if there are any. #}
{% macro refuse(problems) %}
    {% if problems %}
        {% do exceptions.raise_compiler_error('Source check failed: ' ~ problems | join(' ')) %}
    {% endif %}
{% endmacro %}


{# A sentence, in a list, if something is missing without which nothing can be built; an empty list otherwise. #}
{% macro bad_source(source) %}
    {% if not source.missing_required %}{{ return([]) }}{% endif %}
    {{ return([
        'missing, or not readable by ' ~ target.user ~ ': ' ~ source.missing_required | join(', ')
        ~ ('.' if not source.other_relations else
            '. Of another structure: ' ~ source.other_relations | map(attribute='name') | join(', ') ~ '.')
        ~ ' Add it or grant select on it; if the application lives in another schema, set the variable source_schema.'
    ]) }}
{% endmacro %}


{#
  A sentence for each required column that has values, none of which can be read: its rows would be counted under no time,
  or as leads without a score. Only columns that are read value by value are looked at, and of each the first values.
#}
{% macro unreadable_columns(source) %}
    {% set found = [] %}
    {% for column in source.mistyped if column.required %}
        {% set query %}
            select count(*), count(value)
            from (
                select {{ cast_source_column(column.column, column.type, column.expected) }} as value
                from {{ quoted_source(column.table) }}
                where {{ adapter.quote(column.column) }} is not null
                limit 1000
            ) as values_of_column
        {% endset %}
        {% set values, readable = run_query(query).rows[0].values() %}
        {% if values and not readable %}
            {% do found.append(
                source.schema ~ '.' ~ column.name ~ ' is ' ~ column.type ~ ', and none of its first ' ~ values
                ~ ' values can be read as ' ~ column.expected ~ '. Give the column that type, or read the table through a view'
                ~ ' in a schema of its own (variable source_schema).'
            ) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#
  A sentence if one of the two logs of calls has times without a zone that fit the other log as the server's own time, and
  not as source_timezone: each call would be counted twice. Judged by its newest rows.
#}
{% macro logs_in_local_time(source) %}
    {{ return(adapter.dispatch('logs_in_local_time', 'leadgen_analytics')(source)) }}
{% endmacro %}


{% macro postgres__logs_in_local_time(source) %}
    {% set found = [] %}
    {% set zone = run_query("select current_setting('TimeZone')").rows[0][0] %}
    {% set logs = {'api_usage': 'api_usage_log', 'api_usage_log': 'api_usage'} %}
    {% for log, other in logs.items()
        if source.present[log].created_at == 'timestamp without time zone' and source.present[other].created_at
        and zone != var('source_timezone') %}
        {% set tolerance = var('api_log_match_tolerance_seconds') %}
        {% set other_time = indexed_time('created_at', source.present[other].created_at, 'timestamp with time zone') %}
        {% set query %}
            with newest as (
                select created_at
                from {{ quoted_source(log) }}
                where {{ is_in_calendar('created_at', 'timestamp without time zone') }}
                order by created_at desc
                limit 500
            ),

            others as (
                select floor(extract(epoch from {{ other_time }}) / {{ tolerance }}) as slot
                from {{ quoted_source(other) }}
                where
                    {{ other_time }}
                    >= (select min(created_at) from newest) at time zone 'UTC' - interval '1 day'
            ),

            slots as (
                select slot from others union select slot + 1 from others union select slot - 1 from others
            )

            select
                count(*),
                {%- for read_in in [var('source_timezone'), zone] %}
                count(case when floor(extract(epoch from created_at at time zone '{{ read_in }}') / {{ tolerance }}) in (select slot from slots) then 1 end)
                {{- ',' if not loop.last }}
                {%- endfor %}
            from newest
        {% endset %}
        {% set rows, as_set, as_server = run_query(query).rows[0].values() %}
        {% if as_server * 2 > rows and as_server > 2 * as_set %}
            {% do found.append(
                source.schema ~ '.' ~ log ~ '.created_at has no time zone. Of its newest ' ~ rows ~ ' rows, '
                ~ as_server ~ ' lie beside a record of ' ~ other ~ ' if they are read in ' ~ zone
                ~ ', the time zone of the server, and ' ~ as_set ~ ' in ' ~ var('source_timezone')
                ~ '. Set the variable source_timezone to ' ~ zone ~ ', or every call is counted twice.'
            ) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# A table in one form is not missing the columns of the other. #}
{% macro has_other_form(node, column, present) %}
    {% for other in node.columns.values() if other.name in present %}
        {% if column.config.meta.get('form') and other.config.meta.get('form') not in (none, column.config.meta.form) %}
            {{ return(true) }}
        {% endif %}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}


{#
  What scripts/doctor asks the macros, so that it and a run cannot say different things:

      dbt run-operation print_source_state
#}
{% macro print_source_state(statement_timeout_seconds=5) %}
    {{ return(adapter.dispatch('print_source_state', 'leadgen_analytics')(statement_timeout_seconds)) }}
{% endmacro %}


{% macro postgres__print_source_state(statement_timeout_seconds=5) %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% do begin_operation() %}
    {% call statement('read_only') %}
        set transaction read only;
        set local statement_timeout = '{{ statement_timeout_seconds | float }}s';
        set local lock_timeout = '1s'
    {% endcall %}
    {% set state = inspect_source() %}
    {% set unversioned = [] %}
    {% for tables in tracked_sources().values() %}
        {% for table in tables if state.present[table] and 'xmin' not in system_columns(table) %}
            {% do unversioned.append(table) %}
        {% endfor %}
    {% endfor %}
    {% set unusable = bad_variables() %}
    {% do state.update({
        'bad_variables': unusable,
        'keep_sums_before': var('keep_sums_before') | string if var('keep_sums_before') else none,
        'pruned_hours': none if unusable else pruned_hours(),
        'bad_source': bad_source(state),
        'unread_relations': unread_relations(state.present),
        'unindexable': unindexable(state.present),
        'without_row_versions': unversioned,
        'target_schema': target.schema,
        'clock_skew_tolerance_minutes': var('clock_skew_tolerance_minutes'),
        'api_log_match_tolerance_seconds': var('api_log_match_tolerance_seconds'),
        'reporting_timezone': var('reporting_timezone') | string,
        'source_timezone': var('source_timezone') | string,
        'distant_records': [] if unusable else distant_records_of_last_run(),
    }) %}
    {% do rollback_operation() %}
    {% do print(state | tojson) %}
    {{ return('') }}
{% endmacro %}
