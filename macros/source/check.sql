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
        {% set query %}
            with newest as (
                select created_at
                from {{ quoted_source(log) }}
                where {{ is_in_calendar('created_at', 'timestamp without time zone') }}
                order by created_at desc
                limit 500
            ),

            others as (
                select
                    floor(extract(epoch from {{ indexed_time('created_at', source.present[other].created_at, 'timestamp with time zone') }}) / {{ tolerance }})
                        as slot
                from {{ quoted_source(other) }}
                where
                    {{ indexed_time('created_at', source.present[other].created_at, 'timestamp with time zone') }}
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


{# A sentence for each variable that has no usable value. #}
{% macro bad_variables() %}
    {% set found = templates_in_variables() %}
    {% if found %}{{ return(found) }}{% endif %}
    {% for name in [
        'api_log_match_tolerance_seconds', 'qualified_lead_value_usd', 'efficiency_points_per_usd',
        'default_budget_alert_threshold', 'budget_critical_percentage', 'budget_exceeded_percentage',
    ] %}
        {% if var(name) is not number or var(name) <= 0 %}
            {% do found.append(bad_variable(name, 'a number above 0')) %}
        {% endif %}
    {% endfor %}
    {% for name in [
        'export_match_tolerance_seconds', 'clock_skew_tolerance_minutes', 'counter_drift_tolerance',
        'default_qualification_score', 'degraded_error_rate', 'down_error_rate', 'rollup_settle_seconds',
        'rollup_lookback_hours', 'rollup_full_scan_hours', 'rollup_lock_wait_seconds',
    ] %}
        {% if var(name) is not number or var(name) < 0 %}
            {% do found.append(bad_variable(name, 'a number, 0 or above')) %}
        {% endif %}
    {% endfor %}
    {% for name, other in [('replay_from', 'replay_until'), ('replay_until', 'replay_from')] %}
        {% if (var(name) is not none or var(other) is not none) and not is_time(var(name)) %}
            {% do found.append(bad_variable(name, 'a time such as 2026-01-31 or 2026-01-31T12:00:00Z; give ' ~ other ~ ' as well')) %}
        {% endif %}
    {% endfor %}
    {% if var('keep_sums_before') is not none and not is_day(var('keep_sums_before')) %}
        {% do found.append(bad_variable('keep_sums_before', 'a day such as 2026-01-31')) %}
    {% endif %}
    {% set alerts = var('business_alerts') %}
    {% set is_list = alerts is sequence and alerts is not string and alerts is not mapping %}
    {% if not is_list or alerts | reject('in', ['budgets', 'services', 'price', 'money']) | list %}
        {% do found.append(bad_variable('business_alerts', 'a list of budgets, services, price and money')) %}
    {% endif %}
    {% set limit = var('alert_cost_per_qualified_lead_usd') %}
    {% if limit is not none and (limit is not number or limit <= 0) %}
        {% do found.append(bad_variable('alert_cost_per_qualified_lead_usd', 'null or a number above 0')) %}
    {% endif %}
    {% if var('boards_address') is not string or not modules.re.fullmatch('(https?://[^\\s\'"<>]+)?', var('boards_address')) %}
        {% do found.append(bad_variable('boards_address', 'an http or https address, or empty')) %}
    {% endif %}
    {% for name in ['tenant_mode', 'mask_personal_data'] if var(name) is not boolean %}
        {% do found.append(bad_variable(name, 'true or false')) %}
    {% endfor %}
    {% for name in ['transformer_role', 'reporter_role', 'tenant_role'] if not is_role_name(var(name)) %}
        {% do found.append(bad_variable(name, 'the name of a role')) %}
    {% endfor %}
    {% set closed = var('closed_roles') %}
    {% set is_list = closed is sequence and closed is not string and closed is not mapping %}
    {% for name in (closed if is_list else [none]) if not is_role_name(name) %}
        {% do found.append(bad_variable('closed_roles', 'a list of names of roles')) %}
    {% endfor %}
    {% set readers = [var('reporter_role'), var('tenant_role')] %}
    {% if readers | unique | list | length < 2 or var('transformer_role') in readers or is_list and var('reporter_role') in closed %}
        {% do found.append(bad_variable(
            'reporter_role', 'a role of its own: not the transformer, a tenant, or one of closed_roles'
        )) %}
    {% endif %}
    {% for name in ['reporting_timezone', 'source_timezone'] if not is_time_zone(var(name)) %}
        {% do found.append(bad_variable(name, 'the name of a time zone that the database knows, such as Europe/Berlin')) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#
  dbt takes each variable for a template when it is asked for, with all that a macro can do. One from outside is a value.
  Not named by bad_variable, which would ask for it.
#}
{% macro templates_in_variables() %}
    {% set found = [] %}
    {% for name, value in (invocation_args_dict.get('vars') or {}).items() if modules.re.search('[{][{%#]', value | string) %}
        {% do found.append('the variable ' ~ name ~ ' holds a template, not a plain value.') %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{% macro bad_variable(name, expected) %}
    {{ return('the variable ' ~ name ~ ' is ' ~ var(name) | string | tojson ~ ', not ' ~ expected ~ '.') }}
{% endmacro %}


{% macro is_time_zone(zone) %}
    {{ return(adapter.dispatch('is_time_zone', 'leadgen_analytics')(zone)) }}
{% endmacro %}


{% macro postgres__is_time_zone(zone) %}
    {% set query %}
        select count(*)
        from pg_catalog.pg_timezone_names
        where name = {{ dbt.string_literal(dbt.escape_single_quotes(zone)) }}
    {% endset %}
    {{ return(run_query(query).rows[0][0] == 1) }}
{% endmacro %}


{#
  PostgreSQL cuts longer names off, and keeps these and `pg_` for itself. It counts bytes, of which urlencode makes one
  character or one escape each; dbt 2.0 has no other way to count them.
#}
{% macro is_role_name(name) %}
    {{ return(
        name is string and 0 < modules.re.sub('%..', '.', name | urlencode) | length <= 63 and '\x00' not in name
        and name not in ['public', 'none'] and not name.startswith('pg_')
    ) }}
{% endmacro %}


{% macro is_time(value) %}
    {{ return(value is not none and modules.re.fullmatch(
        '[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?',
        value | string
    ) is not none) }}
{% endmacro %}


{% macro is_day(value) %}
    {% if not modules.re.fullmatch('(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])', value | string) %}
        {{ return(false) }}
    {% endif %}
    {% set year, month, day = (value | string).split('-') %}
    {% set next_month = modules.datetime.date(year | int + month | int // 12, month | int % 12 + 1, 1) %}
    {{ return(day | int <= (next_month - modules.datetime.timedelta(days=1)).day) }}
{% endmacro %}


{#
  A list of the statements that create the indexes with which incremental runs and the live part of the marts are
  fast, and which the source lacks. Nothing here runs them: the tables are the application's.
#}
{% macro missing_indexes(present) %}
    {{ return(adapter.dispatch('missing_indexes', 'leadgen_analytics')(present)) }}
{% endmacro %}


{#
  A view or a foreign table has none, and a partitioned table cannot get one concurrently. A time without a zone is compared
  as what it is in its zone.
#}
{% macro postgres__missing_indexes(present) %}
    {% set indexed, kinds, statements = indexed_columns(), relation_kinds(), [] %}
    {% for table, column in wanted_indexes(present) if kinds[table] in ['r', 'p', 'm'] %}
        {% set is_zoneless = present[table][column] == 'timestamp without time zone' %}
        {% set zone = " at time zone '" ~ var('source_timezone') ~ "'" %}
        {% if table ~ '.' ~ (('(' ~ column ~ zone ~ ')') if is_zoneless else column) not in indexed %}
            {% do statements.append(
                'create index ' ~ ('concurrently ' if kinds[table] != 'p') ~ 'on ' ~ quoted_source(table)
                ~ ' (' ~ (('(' ~ quoted(column) ~ zone ~ ')') if is_zoneless else quoted(column)) ~ ');'
            ) %}
        {% endif %}
    {% endfor %}
    {{ return(statements) }}
{% endmacro %}


{# Columns, as table.column, that ought to be served by an index and are of a view or a foreign table. #}
{% macro unindexable(present) %}
    {% set kinds, found = relation_kinds(), [] %}
    {% for table, column in wanted_indexes(present) if kinds[table] in ['v', 'f'] %}
        {% do found.append(table ~ '.' ~ column) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# Pairs of table and column that incremental runs and the live part of the marts look rows up by. #}
{% macro wanted_indexes(present) %}
    {% set found = [] %}
    {% for table, column in [
        ('api_usage', 'created_at'), ('api_usage_log', 'created_at'), ('api_cost_tracking', 'date'),
        ('businesses', 'created_at'), ('businesses', 'campaign_id'), ('enhanced_leads', 'created_at'),
        ('enhanced_leads', 'campaign_id'), ('lead_emails', 'lead_id'), ('lead_social_profiles', 'lead_id'),
    ] if column in (present[table] or {}) %}
        {% do found.append((table, column)) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#
  What an index of all rows starts with, as table.column, or `table.(column at time zone 'UTC')` and the like.
#}
{% macro indexed_columns() %}
    {% set query %}
        select
            c.relname,
            -- of an expression only, because to ask for it waits for whoever has locked the table
            case when i.indkey[0] = 0 then pg_get_indexdef(i.indexrelid, 1, true) else a.attname end
        from pg_catalog.pg_index as i
        inner join pg_catalog.pg_class as c on i.indrelid = c.oid
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        left join pg_catalog.pg_attribute as a on i.indrelid = a.attrelid and i.indkey[0] = a.attnum
        where n.nspname = {{ literal(var('source_schema')) }} and i.indisvalid and i.indpred is null
    {% endset %}
    {% set found = [] %}
    {% for table, expression in run_query(query).rows %}
        {% set expression = expression | replace('"', '') | replace('::text', '') | replace(' AT TIME ZONE ', ' at time zone ') %}
        {% do found.append(table ~ '.' ~ expression) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# Postgres's letter for what a relation of the source is, by name: r, p, m, v or f. #}
{% macro relation_kinds() %}
    {% set query %}
        select c.relname, c.relkind
        from pg_catalog.pg_class as c
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        where n.nspname = {{ literal(var('source_schema')) }} and c.relkind in ('r', 'p', 'm', 'v', 'f')
    {% endset %}
    {% set kinds = {} %}
    {% for row in run_query(query).rows %}
        {% do kinds.update({row[0]: row[1]}) %}
    {% endfor %}
    {{ return(kinds) }}
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
