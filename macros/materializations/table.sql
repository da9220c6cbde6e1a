{#
  A table is filled again where it stands, in one transaction: readers go on reading the old rows until the commit, and
  views on it stay.

  create    there is none yet
  refill    the same columns, indexes and constraints: `delete` and `insert`
  extend    the same, but for new columns that may be NULL: `alter table … add column`, and refill
  retire    anything else: the new one is built beside it; see run_ddl_patiently
#}
{% materialization table, adapter='postgres', supported_languages=['sql'] %}
    {{ return(build_table_in_place()) }}
{% endmaterialization %}


{#
  dbt's own strategies keep the table; only the first build and --full-refresh do not. A strategy that there is not is
  refused by these as well.
#}
{% materialization incremental, adapter='postgres', supported_languages=['sql'] %}
    {% do adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') %}
    {% set existing_relation = load_cached_relation(this) %}
    {% if existing_relation is none or not existing_relation.is_table or should_full_refresh() %}
        {{ return(build_table_in_place()) }}
    {% endif %}
    {% do refuse_autocommit() %}
    {#- Which drops them with `cascade`. -#}
    {% do put_aside(make_intermediate_relation(this)) %}
    {% do put_aside(make_backup_relation(this, 'table')) %}
    {{ return(dbt.materialization_incremental_default()) }}
{% endmaterialization %}


{% macro build_table_in_place() %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set draft_relation = make_intermediate_relation(target_relation) -%}

    {{ run_pre_hooks() }}
    {% do put_aside(draft_relation) %}

    {% call statement('draft') %}
        {{ begin_draft() }}
        {{ get_create_table_as_sql(False, draft_relation, get_empty_subquery_sql(sql)) }}
    {% endcall %}
    {% do create_indexes(draft_relation) %}
    {% set change = run_query(table_change(draft_relation, target_relation)).rows[0] %}
    {% do undo_draft() %}

    {% if change.action == 'extend' %}
        {% do alter_table(target_relation, change.additions) %}
    {% endif %}
    {% if change.action in ('refill', 'extend') %}
        {% call statement('main') %}
            {{ config.get('sql_header', '') }}
            delete from {{ target_relation }};
            insert into {{ target_relation }} ({{ change.columns }})
            select {{ change.columns }} from (
                {{ sql }}
            ) as model
        {% endcall %}
    {% else %}
        {% call statement('main') %}
            {{ get_create_table_as_sql(False, draft_relation, sql) }}
        {% endcall %}
        {% do create_indexes(draft_relation) %}
        {% do run_ddl_patiently(
            'alter table ' ~ draft_relation ~ ' rename to ' ~ target_relation.include(database=False, schema=False),
            retire=target_relation if change.action == 'retire'
        ) %}
    {% endif %}

    {{ return(finish(target_relation)) }}
{% endmacro %}


{% macro table_change(draft_relation, target_relation) %}
    with tables as (
        select
            pg_class.oid,
            pg_class.relkind,
            array(
                select
                    format('%I %s', attname, format_type(atttypid, atttypmod))
                    || case when attnotnull then ' not null' else '' end
                from pg_attribute
                where attrelid = pg_class.oid and attnum > 0 and not attisdropped
                order by 1
            ) as columns,
            array(
                select regexp_replace(pg_get_indexdef(indexrelid), ' INDEX .* USING ', ' INDEX USING ')
                from pg_index
                where indrelid = pg_class.oid
                union all
                select pg_get_constraintdef(oid) from pg_constraint where conrelid = pg_class.oid
                union all
                select 'persistence ' || pg_class.relpersistence::text
                order by 1
            ) as extras
        from pg_class
        where pg_class.oid in ({{ oid_of(draft_relation) }}, {{ oid_of(target_relation) }})
    ),

    additions as (
        select unnest(columns) as definition from tables where oid = {{ oid_of(draft_relation) }}
        except
        select unnest(columns) from tables where oid = {{ oid_of(target_relation) }}
    )

    select
        case
            when live.oid is null then 'create'
            when live.relkind <> 'r' or live.extras <> draft.extras or not live.columns <@ draft.columns then 'retire'
            when live.columns = draft.columns then 'refill'
            when exists (select from additions where definition like '% not null') then 'retire'
            else 'extend'
        end as action,
        (select string_agg('add column ' || definition, ', ') from additions) as additions,
        (
            select string_agg(quote_ident(attname), ', ' order by attnum)
            from pg_attribute
            where attrelid = draft.oid and attnum > 0
        ) as columns
    from tables as draft
    left join tables as live on live.oid = {{ oid_of(target_relation) }}
    where draft.oid = {{ oid_of(draft_relation) }}
{% endmacro %}
