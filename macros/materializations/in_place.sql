{# What the materializations share. Nothing is ever dropped with `cascade`. #}
{% macro oid_of(relation) -%}
    to_regclass('{{ dbt.escape_single_quotes(relation.include(database=False).render()) }}')
{%- endmacro %}


{% macro run_pre_hooks() %}
    {% do refuse_autocommit() %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {% do begin_again() %}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
{% endmacro %}


{#
  dbt leaves it to psycopg2 to begin transactions, and ends them by a statement of which psycopg2 knows nothing: each
  statement after that is committed by itself. It ends one before hooks outside it, and wherever something asks it to,
  which a model's own macros may.
#}
{% macro begin_again() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set connection = adapter.add_query('select')[0] %}
    {% if connection.handle.info.transaction_status == 0 %}
        {% call statement('begin') %}
            begin
        {% endcall %}
    {% endif %}
{% endmacro %}


{#
  What a run of dbt's own materializations has left under a name that is needed, or somebody else has put there, is
  renamed aside and dropped once nothing reads it, as what is replaced is.
#}
{% macro put_aside(relation) %}
    {% set existing = load_cached_relation(relation) %}
    {% if existing %}
        {% set aside = retired_name(relation, existing.type) %}
        {% do run_ddl_patiently('alter table ' ~ existing ~ ' rename to ' ~ aside.include(database=False, schema=False)) %}
        {% do adapter.cache_renamed(existing, aside) %}
    {% endif %}
{% endmacro %}


{% macro retired_name(relation, type) %}
    {{ return(make_backup_relation(relation, type, '__dbt_old_' ~ local_md5(relation.render() ~ invocation_id)[:12])) }}
{% endmacro %}


{# The end of every materialization. #}
{% macro finish(relation) %}
    {% do apply_grants(relation, config.get('grants'), should_revoke=True) %}
    {% do persist_docs(relation, model) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [relation]}) }}
{% endmacro %}


{# What follows is made, looked at and taken back, locks included. #}
{% macro begin_draft(sql_header='') %}
    {{ sql_header }}
    savepoint dbt_draft;
{% endmacro %}


{% macro undo_draft() %}
    {% call statement('undo_draft') %}
        rollback to savepoint dbt_draft;
        release savepoint dbt_draft
    {% endcall %}
{% endmacro %}


{% macro refuse_autocommit() %}
    {% if target.autocommit %}
        {% do exceptions.raise_compiler_error(
            'A relation is replaced in one transaction: take `autocommit: true` out of the profile.'
        ) %}
    {% endif %}
{% endmacro %}


{# A statement that ends its own waits, whatever statement_timeout the role or the database has been given. #}
{% macro without_timeout(statement) %}
    select
        set_config('leadgen.statement_timeout', current_setting('statement_timeout'), true),
        set_config('statement_timeout', '0', true);
    {{ statement }};
    select set_config('statement_timeout', current_setting('leadgen.statement_timeout'), true)
{% endmacro %}


{#
  Runs DDL without making anybody wait for long. An exclusive lock that is not had at once, well before the server looks
  for deadlocks and picks a victim, is given up, and asked for again later: up to 100 seconds, which is longer than most
  queries. `wanted` names the tables whose lock it takes: who
  holds one is named when it gives up, those who only read if the lock keeps `readers` out.

  `retire` names a relation to rename aside before. Whatever reads it goes on reading it; drop_retired_relations() drops
  it once nothing does. The new relation of that name gets the grants of the old one.
#}
{% macro run_ddl_patiently(ddl, retire=none, patience_seconds=100, wanted=[], readers=true) %}
    {% if retire %}
        {% set existing = load_cached_relation(retire) or retire %}
        {% set retired = retired_name(retire, existing.type) %}
        {% do log(retire.render() ~ ' is new; what reads the old one now reads ' ~ retired.identifier, info=true) %}
        {% do adapter.cache_renamed(existing, retired) %}
    {% endif %}
    {% set statement_text %}
        do $run_ddl_patiently$
        declare
            timeout constant text := (
                select least(400, setting::integer / 2) from pg_settings where name = 'deadlock_timeout'
            );
            timeout_before constant text := current_setting('lock_timeout');
            give_up_at constant timestamptz := clock_timestamp() + interval '{{ patience_seconds }} seconds';
            statement text;
        begin
            loop
                begin
                    perform set_config('lock_timeout', timeout, true);
                    {% if retire %}
                    alter table {{ retire }} rename to {{ retired.include(database=False, schema=False) }};
                    {% endif %}
                    execute '{{ dbt.escape_single_quotes(ddl) }}';
                    {% if retire %}
                    for statement in
                        select format(
                            'grant %s on %s to %s%s',
                            privilege_type,
                            '{{ dbt.escape_single_quotes(retire.include(database=False) | string) }}',
                            case grantee when 0 then 'public' else grantee::regrole::text end,
                            case when is_grantable then ' with grant option' end
                        )
                        from pg_class, aclexplode(relacl)
                        where pg_class.oid = {{ oid_of(retired) }} and grantee <> relowner
                    loop
                        execute statement;
                    end loop;
                    {% endif %}
                    perform set_config('lock_timeout', timeout_before, true);
                    return;
                exception when lock_not_available or deadlock_detected then
                    if clock_timestamp() > give_up_at then
                        {% if wanted %}
                        raise lock_not_available using message = {{ lock_holders(wanted, patience_seconds, readers) }};
                        {% else %}
                        raise;
                        {% endif %}
                    end if;
                end;
                perform pg_sleep({{ [patience_seconds, 1] | min }});
            end loop;
        end
        $run_ddl_patiently$
    {% endset %}
    {% call statement('ddl') %}
        {{ without_timeout(statement_text) }}
    {% endcall %}
{% endmacro %}


{# SQL expression, text: one line that says who holds locks on tables, for somebody who has waited for them in vain. #}
{% macro lock_holders(tables, patience_seconds, readers) -%}
    (
        select format(
            'Nothing was changed: %s stayed in use for {{ patience_seconds }} s, by %s. Try again when that has ended.',
            coalesce(string_agg(distinct cast(held.relation as regclass)::text, ', '), 'a table'),
            coalesce(
                string_agg(distinct concat(
                    'process ', held.pid, ' (', coalesce(nullif(activity.application_name, ''), 'no name given'), ', ',
                    coalesce(activity.usename, 'no user'), ')'
                ), ', '),
                'somebody who has just ended'
            )
        )
        from pg_locks as held
        left join pg_stat_activity as activity on held.pid = activity.pid
        where
            held.granted
            and held.pid <> pg_backend_pid()
            {%- if not readers %}
            and held.mode not in ('AccessShareLock', 'RowShareLock')
            {%- endif %}
            and held.database = (select oid from pg_database where datname = current_database())
            and held.relation in (
                {%- for table in tables -%}
                to_regclass({{ literal(table) }}){{ ', ' if not loop.last }}
                {%- endfor -%}
            )
    )
{%- endmacro %}
