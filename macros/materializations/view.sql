{#
  A view is replaced where it stands. dbt's own materialization renames the old view aside and drops it with `cascade`,
  which takes away everything that is built on it until the run reaches that again.

  keep      the view in the database is this one already: no DDL, no lock
  create    there is none yet
  replace   the same columns, or new ones at the end: `create or replace view` keeps what is built on it, and grants
  retire    any other change, or a table of that name: see run_ddl_patiently
#}
{% materialization view, adapter='postgres' %}
    {%- set target_relation = this.incorporate(type='view') -%}

    {{ run_pre_hooks() }}

    {% set draft_relation = make_intermediate_relation(target_relation) %}
    {% do put_aside(draft_relation) %}
    {% call statement('draft', fetch_result=true) %}
        {{ begin_draft(config.get('sql_header', '')) }}
        {{ create_view_ddl(draft_relation, sql) }};
        {{ view_change(draft_relation, target_relation) }}
    {% endcall %}
    {% set change = load_result('draft').table.rows[0] %}
    {% do undo_draft() %}

    {#- dbt's own check names what differs, but makes the server plan the whole view; half of it warns of bare numerics. -#}
    {% if not change.keeps_contract %}
        {% do get_assert_columns_equivalent(sql) %}
    {% elif config.get('contract').enforced %}
        {% do get_empty_schema_sql(model.columns) %}
    {% endif %}

    {% set ddl = create_view_ddl(target_relation, sql) %}
    {% if change.action != 'keep' %}
        {% do run_ddl_patiently(ddl, retire=target_relation if change.action == 'retire') %}
    {% endif %}
    {% call noop_statement('main', change.action | upper, change.action | upper) %}
        {{ ddl }}
    {% endcall %}

    {{ return(finish(target_relation)) }}
{% endmaterialization %}


{# `meta: {view_options: {security_invoker: true}}` becomes `create view … with (security_invoker=true)`. #}
{% macro create_view_ddl(relation, sql) -%}
    {%- set options = config.meta_get('view_options', {}) -%}
    create or replace view {{ relation }}
    {%- if options %} with (
        {%- for name, value in options.items() %}{{ name }}={{ value }}{{ ', ' if not loop.last }}{% endfor -%}
    ){% endif %} as (
        {{ sql }}
    )
{%- endmacro %}


{#
  PostgreSQL's own rule for `create or replace view`: name, type, modifier and collation of every column that is there,
  in order; more may follow.
#}
{% macro view_change(draft_relation, target_relation) %}
    with views as (
        select
            pg_class.oid,
            pg_class.relkind,
            coalesce(pg_class.reloptions, '{}') as options,
            case when pg_class.relkind = 'v' then pg_get_viewdef(pg_class.oid) end as definition,
            array(
                select row(attname, atttypid, atttypmod, attcollation)::text
                from pg_attribute
                where attrelid = pg_class.oid and attnum > 0
                order by attnum
            ) as columns
        from pg_class
        where pg_class.oid in ({{ oid_of(draft_relation) }}, {{ oid_of(target_relation) }})
    )
    select
        case
            when live.oid is null then 'create'
            when live.relkind <> 'v' or live.columns <> draft.columns[:cardinality(live.columns)] then 'retire'
            when (live.definition, live.options, live.columns) = (draft.definition, draft.options, draft.columns)
                then 'keep'
            else 'replace'
        end as action,
        {{ keeps_contract(draft_relation) }} as keeps_contract
    from views as draft
    left join views as live on live.oid = {{ oid_of(target_relation) }}
    where draft.oid = {{ oid_of(draft_relation) }}
{% endmacro %}


{% macro keeps_contract(relation) %}
    {%- if not config.get('contract').enforced -%}
        true
    {%- else -%}
        array(
            select format('%s %s', attname, atttypid::regtype) collate "C"
            from pg_attribute
            where attrelid = {{ oid_of(relation) }} and attnum > 0
            order by 1
        ) = array(
            select format('%s %s', name, type::regtype) collate "C"
            from (values
                {%- for column in model.columns.values() %}
                ('{{ column.name if column.quote else column.name | lower }}', '{{ column.data_type }}')
                {{- ',' if not loop.last }}
                {%- endfor %}
            ) as promised (name, type)
            order by 1
        )
    {%- endif -%}
{% endmacro %}
