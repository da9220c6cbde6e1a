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
{%- endmacro %}


{# The two numbers of the advisory lock that a scheduled run holds in its database. #}
{% macro run_lock() -%}
1818582885, 1380011851
{%- endmacro %}


{% macro create_run_log() %}
    {{ return(adapter.dispatch('create_run_log', 'leadgen_analytics')()) }}
{% endmacro %}


{# Looks first: `if not exists` asks for rights, and for locks, even where all is there. #}
{% macro postgres__create_run_log() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set schema = target.schema ~ '_audit' %}
    {% if run_query("select to_regclass('" ~ adapter.quote(schema) ~ ".run_log')").rows[0][0] %}
        {{ return('') }}
    {% endif %}
    {% if not adapter.check_schema_exists(target.database, schema) %}
        {% do adapter.create_schema(api.Relation.create(database=target.database, schema=schema)) %}
    {% endif %}
    {% call statement('create_run_log') %}
        select pg_advisory_xact_lock(hashtext({{ dbt.string_literal(function_name('')) }}));
        {{ run_log_definition(adapter.quote(schema)) }}
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
            locks.locktype = 'advisory'
            and locks.granted
            and locks.objsubid = 2
            and (locks.classid, locks.objid) = ({{ run_lock() }})
            and locks.database in (
                select databases.oid from pg_catalog.pg_database as databases where databases.datname = current_database()
            )
    )
{%- endmacro %}
