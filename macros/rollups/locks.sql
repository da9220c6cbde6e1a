{#
  A pre-hook of every rollup, and where its window is made, whichever comes first. Two runs at once are right, because
  one of them waits here, and because what the rollup follows is looked up once: the other run may move that on before
  this one has written its rows. The session keeps both, and dbt ends that with the model.
#}
{% macro begin_rollup() -%}
    {%- if not this_rollup() -%}{{ return('') }}{%- endif -%}
    {%- set rollup = this_rollup() -%}
    {{ without_timeout(lock_rollup()) }};

    select
        set_config('leadgen_analytics.rollup', '{{ model.name }}', false),
        set_config('leadgen_analytics.watermark', cast(watermark as text), false),
        set_config('leadgen_analytics.version', cast(version as text), false)
    {%- if rollup.upstream %}
    from {{ rollup_state() }}
    where rollup = '{{ rollup.upstream }}'
    {%- else %}
    from {{ ref('int_source_changes') }}
    where source_name = '{{ rollup.source }}' and block_start = '-infinity'
    {%- endif %}
        and current_setting('leadgen_analytics.rollup', true) is distinct from '{{ model.name }}'
{%- endmacro %}


{#
  Takes the lock of this model until the transaction ends, or says whom it waits for. A row of a table of the project's
  own, because an advisory lock can be taken by whoever may connect.
#}
{% macro take_rollup_lock() %}
    {% set free = "select rollup from " ~ rollup_locks() ~ " where rollup = '" ~ model.name ~ "' for update skip locked" %}
    {% if not run_query(free).rows %}
        {{ log(model.name ~ ' waits for ' ~ run_query('select ' ~ rollup_lock_holders()).rows[0][0], info=true) }}
        {% do run_query(without_timeout(lock_rollup())) %}
    {% endif %}
{% endmacro %}


{#
  The same as a statement, and what the rollup is summed from stays as it is meanwhile. It asks again and again, so that
  neither a deadlock nor lock_timeout ends the wait.
#}
{% macro lock_rollup() -%}
    {%- set wanted = {model.name: 'update'} -%}
    {%- set above = [this_rollup().upstream] -%}
    {#- which grows while it is gone through -#}
    {%- for upstream in above if upstream -%}
        {%- do wanted.update({upstream: 'share'}) -%}
        {%- do above.append(graph.nodes['model.' ~ model.package_name ~ '.' ~ upstream].config.meta.rollup.upstream) -%}
    {%- endfor %}
    do $lock_rollup$
    declare
        give_up_at constant timestamptz := clock_timestamp() + interval '{{ var('rollup_lock_wait_seconds') }} seconds';
    begin
        {%- for rollup, mode in wanted.items() %}
        loop
            perform from {{ rollup_locks() }} where rollup = '{{ rollup }}' for {{ mode }} skip locked;
            exit when found;
            if clock_timestamp() > give_up_at then
                raise lock_not_available using message = format(
                    'Another run has been at work on {{ rollup }} for {{ var('rollup_lock_wait_seconds') }} s: %s. Run again when'
                    ' it has ended, or end it.', {{ rollup_lock_holders() }}
                );
            end if;
            perform pg_sleep(0.1);
        end loop;
        {%- endfor %}
    end
    $lock_rollup$
{%- endmacro %}


{# SQL expression, text: the sessions that are at work on rollups, but for this one. #}
{% macro rollup_lock_holders() -%}
    (
        select coalesce(
            string_agg(
                format(
                    'server process %s (%s, user %s, since %s UTC)', held.pid,
                    coalesce(nullif(activity.application_name, ''), 'no name given'), coalesce(activity.usename, 'unknown'),
                    to_char(activity.xact_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
                ),
                ', ' order by activity.xact_start
            ),
            'one that has just ended'
        )
        from pg_locks as held
        left join pg_stat_activity as activity on held.pid = activity.pid
        where
            held.relation = to_regclass({{ literal(rollup_locks()) }})
            and held.database = (select oid from pg_database where datname = current_database())
            and held.granted
            and held.pid <> pg_backend_pid()
            and activity.wait_event is distinct from 'PgSleep'  -- that waits, too
    )
{%- endmacro %}


{# One row per model that one run at a time works on. #}
{% macro rollup_locks() -%}
    {{ function_name('rollup_locks') }}
{%- endmacro %}


{% macro rollup_locks_definition() -%}
    {%- set rollups = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model')
        | selectattr('config.materialized', 'equalto', 'incremental') | map(attribute='name') -%}
    create table if not exists {{ rollup_locks() }} (rollup text primary key);
    insert into {{ rollup_locks() }} (rollup)
    select name
    from unnest(cast(array['{{ rollups | join("', '") }}'] as text[])) as name
    where name <> ''
    on conflict do nothing
{%- endmacro %}
