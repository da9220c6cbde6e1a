{#
  A seed that holds the rows of its file already is left alone; otherwise it is filled where it stands, as a table is.
  dbt's own materialization truncates it, which makes readers of every mart wait, or drops it with `cascade`.
#}
{% materialization seed, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set draft_relation = make_intermediate_relation(target_relation) -%}
    {%- set agate_table = load_agate_table() -%}
    {% do store_result('agate_table', response='OK', agate_table=agate_table) %}

    {{ run_pre_hooks() }}
    {% do put_aside(draft_relation) %}

    {% set columns = seed_columns(agate_table) %}
    {% call statement('draft') %}
        {{ begin_draft() }}
        {{ create_seed_ddl(draft_relation, columns) }}
    {% endcall %}
    {% do create_indexes(draft_relation) %}
    {% set change = run_query(table_change(draft_relation, target_relation)).rows[0] %}
    {% do undo_draft() %}

    {% if change.action in ('create', 'retire') %}
        {% do run_ddl_patiently(
            create_seed_ddl(target_relation, columns), retire=target_relation if change.action == 'retire'
        ) %}
        {% do create_indexes(target_relation) %}
    {% elif change.action == 'extend' %}
        {% do alter_table(target_relation, change.additions) %}
    {% endif %}

    {% set code = 'KEEP' if holds_rows(target_relation, columns, agate_table) else 'INSERT' %}
    {% set rows = agate_table.rows | length %}
    {% if code == 'INSERT' %}
        {% call statement('empty_seed') %}
            delete from {{ target_relation }}
        {% endcall %}
        {% do load_csv_rows(model, agate_table) if rows %}
        {#- Else the planner takes ten rows for hundreds and multiplies that through every join. -#}
        {% call statement('analyze_seed') %}
            analyze {{ target_relation }}
        {% endcall %}
    {% endif %}
    {% call noop_statement('main', code ~ ' ' ~ rows, code, rows) %}
        {{ create_seed_ddl(target_relation, columns) }}
    {% endcall %}

    {{ return(finish(target_relation)) }}
{% endmaterialization %}


{% macro seed_columns(agate_table) %}
    {% set columns = [] %}
    {% for name in agate_table.column_names %}
        {% do columns.append({
            'name': adapter.quote_seed_column(name, config.get('quote_columns')),
            'type': config.get('column_types', {}).get(name, adapter.convert_type(agate_table, loop.index0)),
        }) %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}


{% macro create_seed_ddl(relation, columns) -%}
    create table {{ relation }} (
        {%- for column in columns %}{{ column.name }} {{ column.type }}{{ ', ' if not loop.last }}{% endfor -%}
    )
{%- endmacro %}


{#
  As text, because some types, such as json, have no equality. One list for each column, not one select for each row, of
  which the server could not plan thousands.
#}
{% macro holds_rows(relation, columns, agate_table) %}
    {% set query %}
        with recorded as (
            select
                {%- for column in columns %} cast({{ column.name }} as text){{ ',' if not loop.last }}{% endfor %}
            from {{ relation }}
        ),

        expected as (
            select
                {%- for column in columns %}
                cast(cast(value_{{ loop.index }} as {{ column.type }}) as text){{ ',' if not loop.last }}
                {%- endfor %}
            from unnest(
                {%- for column in columns %}
                cast({{ get_binding_char() }} as text[]){{ ',' if not loop.last }}
                {%- endfor %}
            ) as file ({% for column in columns %}value_{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %})
        )

        select not exists (
            (table recorded except all table expected) union all (table expected except all table recorded)
        )
    {% endset %}
    {% set bindings = [] %}
    {% for column in agate_table.columns %}
        {% do bindings.append(column.values() | list) %}
    {% endfor %}
    {% set cursor = adapter.add_query(query, bindings=bindings, abridge_sql_log=True)[1] %}
    {{ return(cursor.fetchone()[0]) }}
{% endmacro %}
