{#
  The log of scheduled runs. ./scripts/scheduled_run renders the two macros that stand first by itself, because it writes
  down that dbt could not even read the project: so they are plain Jinja, without anything of dbt's.
#}
{% macro run_log_definition(schema) -%}
create table if not exists {{ schema }}.run_log (
    entry_id bigint generated always as identity primary key,
    run_id uuid not null,
    entry text not null check (entry in ('start', 'node', 'end', 'alert', 'delivery')),
    recorded_at timestamp with time zone not null default clock_timestamp(),
    status text not null,
    attempt integer,
    node_id text,
    seconds numeric(12, 3),
    failures bigint,
    rows_affected bigint,
    message text check (length(message) <= 500),
    details jsonb
);
create unique index if not exists run_log_runs on {{ schema }}.run_log (run_id, entry, status) where entry <> 'node';
create index if not exists run_log_nodes on {{ schema }}.run_log (run_id) where entry = 'node';
comment on table {{ schema }}.run_log is
    'What ./scripts/scheduled_run has done: rows are only ever added. Read it through the views beside it.';
create table if not exists {{ schema }}.run_lock ();
comment on table {{ schema }}.run_lock is 'Locked while a scheduled run is at work, so that there is one at a time.';
{%- endmacro %}


{# What a scheduled run locks: a table, because an advisory lock can be taken by whoever may connect. #}
{% macro run_lock(schema) -%}
{{ schema }}.run_lock
{%- endmacro %}


{# The same, with the schema, where it is missing; two may do it at once, and one of them finds that the other has. #}
{% macro run_log_creation(schema) -%}
do $create_run_log$
begin
    if to_regnamespace('{{ schema }}') is null then
        create schema {{ schema }};
    end if;
    {{ run_log_definition(schema) }}
exception when unique_violation or duplicate_table or duplicate_schema then
    null;
end
$create_run_log$
{%- endmacro %}


{% macro create_run_log() %}
    {{ return(adapter.dispatch('create_run_log', 'leadgen_analytics')()) }}
{% endmacro %}


{# Looks first: `if not exists` asks for rights, and for locks, even where all is there. #}
{% macro postgres__create_run_log() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set schema = target.schema ~ '_audit' %}
    {% if run_query("select to_regclass('" ~ run_lock(adapter.quote(schema)) ~ "')").rows[0][0] %}
        {{ return('') }}
    {% endif %}
    {% call statement('create_run_log') %}
        {{ run_log_creation(adapter.quote(schema)) }}
    {% endcall %}
    {% do adapter.commit() %}
{% endmacro %}


{% macro holds_run_lock(server_pid) %}
    {{- return(adapter.dispatch('holds_run_lock', 'leadgen_analytics')(server_pid)) -}}
{% endmacro %}


{% macro postgres__holds_run_lock(server_pid) -%}
    {{ server_pid }} in (
        select locks.pid
        from pg_catalog.pg_locks as locks
        where
            locks.locktype = 'relation'
            and locks.granted
            and locks.mode = 'ExclusiveLock'
            and locks.relation = cast('{{ run_lock(adapter.quote(target.schema ~ '_audit')) }}' as regclass)
            and locks.database in (
                select databases.oid from pg_catalog.pg_database as databases where databases.datname = current_database()
            )
    )
{%- endmacro %}
