{#
  A pooler that gives each transaction to whichever session of the server is free loses what a run keeps in its session,
  and keeps what it has locked. From within one connection it cannot be told, for a pooler in no hurry gives it the same
  session again and again. So the connection by which dbt lists the schemas leaves a mark in its session before it is
  closed: who finds it in another connection, of which dbt then opens some, shares sessions.
#}
{% macro mark_session() %}
    {% call statement('mark_session') %}
        select set_config('leadgen.session', '{{ invocation_id }}', false)
    {% endcall %}
    {% do adapter.commit() %}
    {% do refuse([] if session_mark() else [pools_transactions(target.host, target.port)]) %}
{% endmacro %}


{% macro session_mark() %}
    {{ return(adapter.dispatch('session_mark', 'leadgen_analytics')()) }}
{% endmacro %}


{% macro postgres__session_mark() %}
    {{ return(run_query("select current_setting('leadgen.session', true)").rows[0][0]) }}
{% endmacro %}


{# A sentence, in a list, if this connection has the session of one that was closed; an empty list otherwise. #}
{% macro bad_session() %}
    {{ return([pools_transactions(target.host, target.port)] if session_mark() else []) }}
{% endmacro %}


{# For the scripts as well, which render it without dbt. #}
{% macro pools_transactions(host, port) -%}
    {{
        host ~ ':' ~ port ~ ' pools transactions, and a run needs its sessions for itself: connect to the server, or to'
        ~ ' a pooler that pools sessions (pool_mode = session; on Supabase port 5432).'
    }}
{%- endmacro %}


{#
  A sentence, in a list, if the server lets this role have fewer sessions than a run has at most: one for each thread,
  and its own.
#}
{% macro too_few_sessions() %}
    {{ return(adapter.dispatch('too_few_sessions', 'leadgen_analytics')()) }}
{% endmacro %}


{% macro postgres__too_few_sessions() %}
    {% set left = run_query(sessions_left()).rows[0][0] %}
    {% if left > target.threads %}{{ return([]) }}{% endif %}
    {{ return([
        'role ' ~ target.user ~ ' may have ' ~ left ~ ' more sessions on ' ~ target.host ~ ':' ~ target.port ~ ', and a run'
        ~ ' of ' ~ target.threads ~ ' threads has ' ~ (target.threads + 1) ~ ': '
        ~ (
            'set DBT_THREADS=' ~ (left - 1) ~ ', or raise the limit.' if left > 1 else 'end others, or raise the limit.'
        )
    ]) }}
{% endmacro %}


{#
  A query: how many sessions this role may have, this one and those that are not there yet. For the scripts as well, which
  render it without dbt.
#}
{% macro sessions_left() %}
    with others as (
        select
            count(*) as of_all,
            count(*) filter (where usesysid = (select oid from pg_roles where rolname = session_user)) as of_role,
            count(*) filter (where datname = current_database()) as of_database
        from pg_stat_activity
        where usesysid is not null and pid <> pg_backend_pid()
    )

    select least(
        case when not rolsuper and rolconnlimit >= 0 then rolconnlimit - of_role end,
        case when not rolsuper and datconnlimit >= 0 then datconnlimit - of_database end,
        cast(current_setting('max_connections') as integer) - of_all
        - case when rolsuper then 0 else cast(current_setting('superuser_reserved_connections') as integer) end
    )
    from others, pg_roles, pg_database
    where rolname = session_user and datname = current_database()
{% endmacro %}
