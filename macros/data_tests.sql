{#
  A data test whose rule the database keeps by itself need not read the table: a valid unique index, NOT NULL and a
  validated foreign key hold for every row that there can be. The catalogue is asked each time a test is compiled, so
  that a constraint that the application drops is tested from the next run on.

  The rule of the test that is being compiled, if it is on columns that staging reads as they are: `table` (the
  source), `columns` and, as the test asks, `unique`, `not_null`, or `parents` (sources) with their `field`. Else none.
#}
{% macro enforced_rule() %}
    {% if not execute or model.resource_type != 'test' or not model.test_metadata %}{{ return(none) }}{% endif %}
    {% set kind, arguments = model.test_metadata.name, model.test_metadata.kwargs %}
    {% if kind not in ('key', 'unique', 'not_null', 'unique_grain', 'resolves') %}{{ return(none) }}{% endif %}

    {% set rule = {
        'table': tested_source(arguments),
        'columns': tested_source_columns(arguments),
        'unique': kind in ('key', 'unique', 'unique_grain'),
        'not_null': kind in ('key', 'not_null', 'unique_grain'),
        'parents': [],
        'field': arguments.get('field'),
    } %}
    {% if not rule.table or not rule.columns or not are_read_as_they_are(rule.table, rule.columns) %}
        {{ return(none) }}
    {% endif %}
    {% for parent in sources_named_in(arguments.get('to', []) | join(' ')) %}
        {% do rule.parents.append(parent) if are_read_as_they_are(parent, [rule.field]) %}
    {% endfor %}
    {% if kind == 'resolves' and not rule.parents %}{{ return(none) }}{% endif %}
    {{ return(rule if is_enforced(rule) else none) }}
{% endmacro %}


{# The source that a test is on, or that the staging model reads that it is on. #}
{% macro tested_source(arguments) %}
    {% set tested = graph.nodes.get(model.attached_node) %}
    {% set names = [] if tested else sources_named_in(arguments.model) %}
    {% for node in (tested.depends_on.nodes if tested else []) if node in graph.sources %}
        {% do names.append(graph.sources[node].name) %}
    {% endfor %}
    {{ return(names[0] if names | length == 1 else none) }}
{% endmacro %}


{# A staging model's column says in `meta: {reads: …}` which source column it is; an empty list if one does not. #}
{% macro tested_source_columns(arguments) %}
    {% set tested = graph.nodes.get(model.attached_node) %}
    {% set names = [] %}
    {% set columns = arguments.columns if 'columns' in arguments else [arguments.column_name] %}
    {% for column in columns %}
        {#- A test may be on an expression, or on a column that the YAML does not have. -#}
        {% set declared = tested.columns.get(column) if tested else none %}
        {% do names.append(column if not tested else declared.config.meta.get('reads') if declared else none) %}
    {% endfor %}
    {{ return([] if none in names else names) }}
{% endmacro %}


{% macro sources_named_in(text) %}
    {{ return(modules.re.findall("source\\('(?:app|audit)', '(\\w+)'\\)", text)) }}
{% endmacro %}


{#
  Whether read_source() passes each value of these columns on, and makes different values out of different ones: a cast
  may read some as NULL.
#}
{% macro are_read_as_they_are(table_name, columns) %}
    {% set present, declared = source_columns(table_name), declared_source(table_name).columns %}
    {% set as_text = ('text', 'character varying', 'uuid', 'integer', 'bigint') %}
    {% for name in columns %}
        {% set actual, wanted = present.get(name), declared.get(name, {}).get('data_type') %}
        {% if wanted not in as_text or actual != wanted and not (wanted == 'text' and actual in as_text) %}
            {{ return(false) }}
        {% endif %}
    {% endfor %}
    {{ return(true) }}
{% endmacro %}


{% macro is_enforced(rule) %}
    {{ return(adapter.dispatch('is_enforced', 'leadgen_analytics')(rule)) }}
{% endmacro %}


{#
  Not by a constraint that was added without looking at the rows there were, nor by a foreign key whose triggers are off
  or whose parent's rows the role sees only in part. A table that others inherit from has rows that its index has not.
#}
{% macro postgres__is_enforced(rule) %}
    {% set table = declared_source(rule.table) %}
    {% set schema = dbt.string_literal(dbt.escape_single_quotes(table.schema)) %}
    {% set tested = [] %}
    {% for column in rule.columns %}{% do tested.append(dbt.string_literal(column)) %}{% endfor %}
    {% set query %}
        with tested as (
            select
                c.oid as table_oid,
                array_agg(a.attnum) as columns,
                bool_and(a.attnotnull and not exists (
                    select 1 from pg_catalog.pg_constraint as k
                    where k.conrelid = c.oid and k.contype = 'n' and k.conkey = array[a.attnum] and not k.convalidated
                )) as are_not_null
            from pg_catalog.pg_class as c
            inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
            inner join pg_catalog.pg_attribute as a on c.oid = a.attrelid
            where
                n.nspname = {{ schema }}
                and c.relname = {{ dbt.string_literal(table.identifier) }}
                and (c.relkind = 'p' or c.relkind = 'r' and not c.relhassubclass)
                and a.attname in ({{ tested | join(', ') }})
                and not a.attisdropped
            group by c.oid
        )

        select 1 as is_enforced
        from tested
        where
            true
            {%- if rule.not_null %}
            and are_not_null
            {%- endif %}
            {%- if rule.unique %}
            and exists (
                select 1 from pg_catalog.pg_index as i
                where
                    i.indrelid = table_oid
                    and i.indisunique
                    and i.indisvalid
                    and i.indpred is null
                    and i.indexprs is null
                    and (string_to_array(cast(i.indkey as text), ' '))[:i.indnkeyatts] <@ cast(columns as text[])
            )
            {%- endif %}
            {%- if rule.parents %}
            and exists (
                select 1
                from pg_catalog.pg_constraint as k
                inner join pg_catalog.pg_class as c on k.confrelid = c.oid
                inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
                inner join pg_catalog.pg_attribute as a on c.oid = a.attrelid
                where
                    k.contype = 'f'
                    and k.conrelid = table_oid
                    and k.conkey = columns
                    and k.convalidated
                    and n.nspname = {{ schema }}
                    and c.relname in ('{{ rule.parents | join("', '") }}')
                    and a.attname = {{ dbt.string_literal(rule.field) }}
                    and k.confkey = array[a.attnum]
                    and not row_security_active(c.oid)
                    and not exists (
                        select 1 from pg_catalog.pg_trigger as t
                        where t.tgconstraint = k.oid and t.tgenabled in ('D', 'R')
                    )
            )
            {%- endif %}
    {% endset %}
    {{ return(run_query(query).rows | length > 0) }}
{% endmacro %}


{# No rows, with the columns that the test looks at. #}
{% macro no_tested_rows(rule) %}
    {%- set tested = graph.nodes.get(model.attached_node, declared_source(rule.table)) -%}
    {%- set arguments = model.test_metadata.kwargs -%}
    (
        select
        {%- for name in (arguments.columns if 'columns' in arguments else [arguments.column_name]) %}
            cast(null as {{ tested.columns[name].data_type }}) as {{ adapter.quote(name) }}{{ ',' if not loop.last }}
        {%- endfor %}
        where false
    ) as kept_by_the_database
{%- endmacro %}


{# For on-run-end: drops the failures that a test stored before the database began to keep its rule. #}
{% macro drop_outdated_failures() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set outdated = [] %}
    {% for test in results | map(attribute='node') if 'kept_by_the_database' in (test.compiled_code or '') %}
        {% set failures = load_cached_relation(api.Relation.create(
            database=test.database, schema=test.schema, identifier=test.alias
        )) %}
        {% do outdated.append(failures) if failures %}
    {% endfor %}
    {% if outdated %}
        {% call statement('drop_outdated_failures') %}
            {% for failures in outdated %}
                {{ get_drop_sql(failures) }};
            {% endfor %}
        {% endcall %}
        {% do adapter.commit() %}
    {% endif %}
    {{ return('') }}
{% endmacro %}


{# What a mart's rows lack of the sum of `column`, because each shows four decimals of it. #}
{% macro rounded_away(relation, column) -%}
    (select coalesce(sum({{ column }} - cast({{ column }} as {{ type_shown_money() }})), 0) from {{ relation }})
{%- endmacro %}
