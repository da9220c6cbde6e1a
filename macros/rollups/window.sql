{#
  The one policy of what incremental models compute anew. Time is cut into blocks (pairing_block_seconds). A rollup
  holds whole blocks, hours or days, and the view on it computes from the source what lies at or above its watermark.

  - Watermark: the last border of a block that is rollup_settle_seconds old when the run looks. It never moves back.
  - Lookback: a run counts the source's rows of the last rollup_lookback_hours, block by block, and adds up their
    versions. A block that is not as it was known is computed anew, with those whose pairs reach into it.
  - Older rows: the server counts what is inserted, updated and deleted in a table. What the lookback cannot explain
    of that makes the run look through all blocks (source_checks).
  - Replay: blocks between the variables replay_from and replay_until are computed anew, changed or not.
  - Cursor: int_source_changes gives changes the number of their run, and a rollup keeps the number that it has
    followed up to, in the transaction that writes its rows. After an interrupted run the next one catches up.
  - A rollup whose definition has changed (its SQL, a variable, a seed, a column of the source) is built in full.

  None stands for a full build. Else a dictionary: `ranges` (pairs of times) to write, `reading` to read for that, the
  `hours` in the reporting time zone that they touch (pairs of date and hour), and `has_untimed`, whether rows without a
  time are among them.
#}
{% macro rollup_window() %}
    {% do ref('int_source_changes') %}{# where dbt looks for what a model depends on #}
    {% if not execute or not is_incremental() %}{{ return(none) }}{% endif %}
    {{ return(changed_window()) }}
{% endmacro %}


{# The window of an incremental build. #}
{% macro changed_window() %}
    {{ return(adapter.dispatch('changed_window', 'leadgen_analytics')()) }}
{% endmacro %}


{% macro postgres__changed_window() %}
    {% if this_rollup() %}
        {% do take_rollup_lock() %}
        {% do run_query(begin_rollup()) %}
    {% endif %}
    {% set block = pairing_block_seconds() ~ " * interval '1 second'" %}
    {#- a pair reaches into the blocks beside; whether a recorded hourly sum counts depends on its whole UTC hour -#}
    {% set query %}
        with own as (
            select coalesce(max(watermark), '-infinity') as watermark, coalesce(max(version), 0) as version
            from {{ rollup_state() }}
            where rollup = '{{ model.name }}'
        ),

        upstream as (
            {{ rollup_upstream() }}
        ),

        ranges as (
            select unnest(range_agg(range)) as range
            from (
                select tstzrange(
                    least(block_start - {{ block }}, {{ utc_hour('block_start') }}), block_start + 2 * {{ block }}
                ) as range
                from {{ ref('int_source_changes') }}
                where
                    source_name = '{{ this_rollup().source }}'
                    and block_start > '-infinity'
                    and version > (select version from own)
                    and version <= (select version from upstream)
                {%- if this_rollup().stale %}
                union all
                {{ context[this_rollup().stale]() }}
                {%- endif %}
                union all
                select tstzrange(own.watermark, upstream.watermark)
                from own
                cross join upstream
                -- a rollup that is never built in full has no watermark when the state has been lost: all blocks are changed then
                where own.watermark < upstream.watermark and own.watermark > '-infinity'
            ) as changed
        ),

        bounds as (
            select
                lower(range) as starts_at,
                upper(range) as ends_at,
                least(lower(range) - {{ block }}, {{ utc_hour('lower(range)') }}) as reads_from,
                greatest(upper(range) + {{ block }}, {{ utc_hour('upper(range)') }} + interval '1 hour') as reads_until,
                range @> {{ epoch_time() }} as has_untimed
            from ranges
        )

        select
            cast(starts_at as text),
            cast(ends_at as text),
            cast(reads_from as text),
            cast(reads_until as text),
            has_untimed,
            (
                select string_agg(concat_ws('/', cast(local_hour as date), extract(hour from local_hour)), ',')
                from generate_series(
                    {{ dbt.date_trunc('hour', local_time('starts_at')) }}, {{ local_time('ends_at') }}, interval '1 hour'
                ) as local_hour
            )
        from bounds
        order by starts_at
    {% endset %}
    {% set window = {'ranges': [], 'reading': [], 'hours': [], 'has_untimed': false} %}
    {% for row in run_query(query).rows %}
        {% do window.ranges.append((row[0], row[1])) %}
        {% do window.reading.append((row[2], row[3])) %}
        {% do window.update({'has_untimed': window.has_untimed or row[4]}) %}
        {% for hour in row[5].split(',') %}
            {% do window.hours.append(hour.split('/')) %}
        {% endfor %}
    {% endfor %}
    {{ return(window) }}
{% endmacro %}


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


{# The same as a statement. It asks again and again, so that neither a deadlock nor lock_timeout ends the wait. #}
{% macro lock_rollup() -%}
    do $lock_rollup$
    declare
        give_up_at constant timestamptz := clock_timestamp() + interval '{{ var('rollup_lock_wait_seconds') }} seconds';
    begin
        loop
            perform from {{ rollup_locks() }} where rollup = '{{ model.name }}' for update skip locked;
            exit when found;
            if clock_timestamp() > give_up_at then
                raise lock_not_available using message = format(
                    'Another run has been at work on {{ model.name }} for {{ var('rollup_lock_wait_seconds') }} s: %s. Run again when'
                    ' it has ended, or end it.', {{ rollup_lock_holders() }}
                );
            end if;
            perform pg_sleep(0.1);
        end loop;
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


{# How far what this run's rollup is made from had come when it began: one row with watermark and version. #}
{% macro rollup_upstream() -%}
    select
        cast(current_setting('leadgen_analytics.watermark') as {{ type_timestamptz() }}) as watermark,
        cast(current_setting('leadgen_analytics.version') as {{ dbt.type_bigint() }}) as version
{%- endmacro %}


{# What the model's YAML says of it as a rollup: `source`, `upstream` (the rollup it is summed from) and `period`. #}
{% macro this_rollup() %}
    {{ return(model.config.meta.get('rollup', {}) if execute else {}) }}
{% endmacro %}


{# The condition that a row of a rollup is computed anew by this run, and complete. `window` is from rollup_window. #}
{% macro in_window(window) -%}
    {%- set period = this_rollup().get('period', 'block') -%}
    {%- set prefix = this_rollup().get('prefix', 'call') -%}
    {{ in_periods(window, period, prefix) }}
    and not {{ is_live_period(
        "(select " ~ period_start('watermark', period) ~ " from (" ~ rollup_upstream() ~ ") as upstream)", period, prefix
    ) }}
{%- endmacro %}


{% macro in_periods(window, period, prefix='call') -%}
    {%- if window is none -%}
        true
    {%- elif not window.ranges -%}
        false
    {%- elif period == 'block' -%}
        {{ in_ranges(window.ranges, 'block_start') }}
    {%- elif period == 'hour' -%}
        ({{ prefix }}_date, {{ prefix }}_hour) in (
            {%- for date, hour in window.hours %}('{{ date }}', {{ hour }}){{ ', ' if not loop.last }}{% endfor -%}
        )
    {%- else -%}
        {{ prefix }}_date in ('{{ window.hours | map('first') | unique | join("', '") }}')
    {%- endif -%}
{%- endmacro %}


{% macro in_ranges(ranges, column) -%}
    (
    {%- for starts_at, ends_at in ranges %}
        {{ 'or ' if not loop.first }}({{ column }} >= '{{ starts_at }}' and {{ column }} < '{{ ends_at }}')
    {%- endfor %}
    )
{%- endmacro %}


{#
  The condition that a row of blocks is not in a rollup, because its block, hour or day is not complete. The first
  part is for an index; the second reads the watermark once, in a subquery, where the first would for each row.
#}
{% macro is_live(rollup, period) -%}
    {%- set watermark = rollup_watermark(rollup) -%}
    block_start >= {{ seconds_later(watermark, -pairing_block_seconds()) }}
    and {{ is_live_period('(select ' ~ watermark ~ ')', period) }}
{%- endmacro %}


{#
  The same by period alone. What lies more than a year ahead is a wrong time, and in the rollup: the live part would
  read it with every query, for years.
#}
{% macro is_live_period(watermark, period, prefix='call') -%}
    {%- set days_ahead = 366 if period == 'block' else 368 -%}
    (
        {{ period_of_row(period, prefix) }} >= {{ watermark }}
        and {{ period_of_row(period, prefix) }} < {{ seconds_later(watermark, days_ahead * 86400) }}
    )
{%- endmacro %}


{% macro period_of_row(period, prefix='call') -%}
    {%- if period == 'block' -%}
        block_start
    {%- else -%}
        {{ hour_start(prefix ~ '_date', prefix ~ '_hour' if period == 'hour' else 0) }}
    {%- endif -%}
{%- endmacro %}


{#
  The condition that staging's rows may lie in a window: `none` for all, 'live' for what is at or above the watermark,
  else what rollup_window returns. It is on the source's own column, so that an index on that is used, and may let
  through more.
#}
{% macro window_filter(window, column='source_created_at', rollup='int_api_usage_blocks_rollup') -%}
    {%- if window is none -%}
        true
    {%- elif window == 'live' -%}
        {%- set from = seconds_later(rollup_watermark(rollup), -pairing_block_seconds()) -%}
        {%- set until = seconds_later(rollup_watermark(rollup), 370 * 86400) -%}
        {%- if column == 'source_date' -%}
            (
                {{ column }} between cast({{ utc_time(from) }} as date) and cast({{ utc_time(until) }} as date)
                or {{ is_no_date(column) }}
            )
        {%- else -%}
            {{ column }} >= {{ from }} and {{ column }} < {{ until }}
        {%- endif -%}
    {%- elif column == 'source_date' -%}
        (
            {{ is_no_date(column) }}
        {%- for starts_at, ends_at in window.reading %}
            or {{ column }} between cast('{{ starts_at }}' as date) - 1 and cast('{{ ends_at }}' as date) + 1
        {%- endfor %}
        )
    {%- elif not window.reading -%}
        false
    {%- else -%}
        (
            {{ in_ranges(window.reading, column) }}
            {%- if window.has_untimed %}
            or {{ column }} is null or not {{ is_in_calendar(column, 'timestamp with time zone') }}
            {%- endif %}
        )
    {%- endif -%}
{%- endmacro %}


{# Then the row's time comes from another column. #}
{% macro is_no_date(column) -%}
    {{ column }} is null or not {{ is_in_calendar(column, 'date') }}
{%- endmacro %}


{# The start of the block, hour or day in the reporting time zone that a time lies in. #}
{% macro period_start(timestamp, period) %}
    {{- return(adapter.dispatch('period_start', 'leadgen_analytics')(timestamp, period)) -}}
{% endmacro %}


{# On the day clocks go back, date and hour name two hours; the period starts with the first of them. #}
{% macro postgres__period_start(timestamp, period) -%}
    {%- if period == 'block' -%}
        {{ timestamp }}
    {%- else -%}
        {%- set start = "date_trunc('" ~ period ~ "', " ~ timestamp ~ ", '" ~ var('reporting_timezone') ~ "')" -%}
        {%- set hour_before = '(' ~ start ~ " - interval '1 hour')" -%}
        case when {{ local_time(hour_before) }} = {{ local_time(start) }} then {{ hour_before }} else {{ start }} end
    {%- endif -%}
{%- endmacro %}
