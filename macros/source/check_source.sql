{% macro check_source() %}
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
    {% do create_schemas() %}
    {% do create_functions() %}
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
        'mistyped': [],
    } %}
    {% for node in graph.sources.values() if node.source_name == 'app' %}
        {% set columns = source_columns(node.name) %}
        {% do found.present.update({node.name: columns}) %}
        {% if not columns %}
            {% do found.missing_tables.append(node.name) %}
        {% endif %}
        {% for column in node.columns.values() if columns %}
            {% set name = node.name ~ '.' ~ column.name %}
            {% set actual_type = columns.get(column.name) %}
            {% if actual_type is none and column.config.meta.get('required') %}
                {% do found.missing_required.append('column ' ~ node.schema ~ '.' ~ name) %}
            {% elif actual_type is none %}
                {% do found.missing_columns.append(name) if not has_other_form(node, column, columns) %}
            {% elif
                column.data_type != 'point'
                and 'try_cast' in cast_source_column(column.name, actual_type, column.data_type)
            %}
                {% do found.mistyped.append({'name': name, 'type': actual_type, 'expected': column.data_type}) %}
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
        ~ '. Add it or grant select on it; if the application lives in another schema, set the variable source_schema.'
    ]) }}
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
