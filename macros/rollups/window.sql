{#
  The one policy of what incremental models compute anew. Time is cut into blocks (pairing_block_seconds). A rollup
  holds all that lies below its watermark, the open hour and day included, and the view on it adds what the source has
  above.

  - Watermark: the last border of a block that is rollup_settle_seconds old when the run looks, the same for all rollups
    of a source. It moves back where the clock does.
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
    {% set year = live_days() ~ " * interval '1 day'" %}
    {#- whole UTC hours are summed, and decide whether a recorded hourly sum counts; what becomes of a row by itself is not -#}
    {% set are_hours_whole = this_rollup().period != 'block' %}
    {#- a pair reaches into the blocks beside; what is summed from the source by the reporting time zone's hours reads these
        whole, where they begin at another minute than UTC's, and both of a name on the day clocks go back -#}
    {% set margin = "interval '2 hours'" if this_rollup().period == 'hour' and not this_rollup().upstream else block %}
    {% set query %}
        with own as (
            select coalesce(max(watermark), '-infinity') as watermark, coalesce(max(version), 0) as version
            from {{ rollup_state() }}
            where rollup = '{{ model.name }}'
        ),

        upstream as (
            {{ rollup_upstream() }}
        ),

        -- both ends of the live part; a rollup that is never built in full has no watermark when the state has been lost: all
        -- blocks are changed then
        moved as (
            select tstzrange(
                least(own.watermark, upstream.watermark) - {{ block }}, greatest(own.watermark, upstream.watermark)
            ) as range
            from own
            cross join upstream
            where own.watermark > '-infinity'
        ),

        changed as (
            select tstzrange(block_start - {{ block }}, block_start + 2 * {{ block }}) as range
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
            select range from moved
            union all
            select tstzrange(lower(range) + {{ year }}, upper(range) + {{ year }} + {{ block }}) from moved
        ),

        ranges as (
            select unnest(range_agg(
                {%- if are_hours_whole %}
                tstzrange(
                    {{ utc_hour('lower(range)') }},
                    {{ utc_hour("upper(range) - interval '1 microsecond'") }} + interval '1 hour'
                )
                {%- else %}
                range
                {%- endif %}
            )) as range
            from changed
        ),

        bounds as (
            select
                lower(range) as starts_at,
                upper(range) as ends_at,
                lower(range) - {{ margin }} as reads_from,
                upper(range) + {{ margin }} as reads_until,
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
                    {{ dbt.date_trunc('hour', local_time('starts_at')) }},
                    {{ local_time("(ends_at - interval '1 microsecond')") }},
                    interval '1 hour'
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
    {% if window.hours | length > 48 %}
        {% do run_query('set local enable_nestloop = off') %}{# see plan_for_volume #}
    {% endif %}
    {{ return(window) }}
{% endmacro %}


{# How far what this run's rollup is made from had come when it began: one row with watermark and version. #}
{% macro rollup_upstream() -%}
    select
        cast(current_setting('leadgen_analytics.watermark') as {{ type_timestamptz() }}) as watermark,
        cast(current_setting('leadgen_analytics.version') as {{ dbt.type_bigint() }}) as version
{%- endmacro %}


{# SQL expression: the watermark that this run takes its rollup to, read once for a statement. #}
{% macro run_watermark() -%}
    (select run.watermark from ({{ rollup_upstream() }}) as run)
{%- endmacro %}


{# What the model's YAML says of it as a rollup: `source`, `upstream` (the rollup it is summed from) and `period`. #}
{% macro this_rollup() %}
    {{ return(model.config.meta.get('rollup', {}) if execute else {}) }}
{% endmacro %}


{# The condition that a row of a rollup is computed anew by this run. `window` is from rollup_window. #}
{% macro in_window(window) -%}
    {%- set period = this_rollup().get('period', 'block') -%}
    {{ in_periods(window, period, this_rollup().get('prefix', 'call')) }}
    {%- if period == 'block' %}
    and not {{ is_above(run_watermark(), 'block_start') }}
    {%- endif %}
{%- endmacro %}


{% macro in_periods(window, period, prefix='call') -%}
    {%- if window is none -%}
        true
    {%- elif not window.ranges -%}
        false
    {%- elif period in ('block', 'utc_hour') -%}
        {{ in_ranges(window.ranges, 'block_start' if period == 'block' else 'utc_hour') }}
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
  The condition that a time lies in the live part above a watermark. What lies more than a year ahead is a wrong time,
  and in the rollup: the live part would read it with every query, for years.
#}
{% macro is_above(watermark, time) -%}
    ({{ time }} >= {{ watermark }} and {{ time }} < {{ seconds_later(watermark, live_days() * 86400) }})
{%- endmacro %}


{# An expression that a statement computes once, not for each row. #}
{% macro once(expression) -%}
    (select {{ expression }})
{%- endmacro %}


{% macro live_days() -%}
    {{ return(366) }}
{%- endmacro %}


{# The condition that a row of blocks is not in a rollup. #}
{% macro is_live(rollup) -%}
    {{ is_above(once(rollup_watermark(rollup)), 'block_start') }}
{%- endmacro %}


{#
  The condition that a rollup's row is of an hour or day that has not ended below the watermark, so that the live part
  may have more of it: so has it of the hour before, when the watermark is its end, because of open ends. By date and
  hour, as its columns are: on the day clocks go back, one name stands for two hours.
#}
{% macro is_open(rollup, period, prefix='call') -%}
    {%- set watermark = first_live_time(rollup) -%}
    {{ prefix }}_date >= {{ local_date(watermark) }}
    {%- if period == 'hour' %}
    and (
        {{ prefix }}_date > {{ once(local_date(watermark)) }}
        or {{ prefix }}_hour >= {{ once(local_hour(watermark)) }}
    )
    {%- endif %}
{%- endmacro %}


{# The time before which the live part has no record, of a call or an open end. #}
{% macro first_live_time(rollup) -%}
    {{ seconds_later(rollup_watermark(rollup), '-' ~ var('api_log_match_tolerance_seconds')) }}
{%- endmacro %}


{# The condition that it is not. #}
{% macro is_closed(rollup, period, prefix='call') -%}
    {%- set watermark = first_live_time(rollup) -%}
    {%- if period == 'hour' -%}
    (
        {{ prefix }}_date < {{ once(local_date(watermark)) }}
        or (
            {{ prefix }}_date = {{ once(local_date(watermark)) }}
            and {{ prefix }}_hour < {{ once(local_hour(watermark)) }}
        )
    )
    {%- else -%}
    {{ prefix }}_date < {{ once(local_date(watermark)) }}
    {%- endif -%}
{%- endmacro %}


{#
  A rollup by hour or day with its live part: closed periods as the rollup has them, and open ones with what `live`, a
  select of the same columns, has of them, added up by the macro `summed_by`.
#}
{% macro with_live_part(rollup, period, live, summed_by, prefix='call') -%}
    select {{ columns_of(rollup) }}
    from {{ ref(rollup) }}
    where {{ is_closed(rollup, period, prefix) }}
    union all
    select *
    from (
        with open_periods as (

            select {{ columns_of(rollup) }}
            from {{ ref(rollup) }}
            where {{ is_open(rollup, period, prefix) }}
            union all
            select *
            from (

                {{ live }}

            ) as live

        ),

        open_sums as (

            {{ context[summed_by]('open_periods') }}

        )

        select * from open_sums
    ) as open_part
{%- endmacro %}


{# The condition that a record of a log is in a part of the definition (macros/api_calls.sql). #}
{% macro is_in_part(part, window, rollup, column='source_created_at') -%}
    {%- if part == 'all' -%}
        true
    {%- else -%}
        {%- set watermark = once(rollup_watermark(rollup)) if part == 'live' else run_watermark() -%}
        {#- a recorded hourly sum settles with its UTC hour -#}
        {%- set watermark = utc_hour(watermark) if column == 'source_date' else watermark -%}
        {{ window_filter('live' if part == 'live' else window, column, rollup) }}
        and {{ '' if part == 'live' else 'not ' }}{{ is_above(watermark, 'created_at') }}
    {%- endif -%}
{%- endmacro %}


{#
  The condition that staging's rows may lie in a window: `none` for all, 'live' for what is at or above the watermark,
  else what rollup_window returns. It is on the source's own column, so that an index on that is used, and may let
  through more.
#}
{% macro window_filter(window, column='source_created_at', rollup=none) -%}
    {%- if window is none -%}
        true
    {%- elif window == 'live' -%}
        {%- set watermark = rollup_watermark(rollup) -%}
        {%- if column == 'source_date' -%}
            {%- set watermark = once(watermark) -%}
            (
                {{ column }} between cast({{ utc_time(watermark) }} as date)
                and cast({{ utc_time(seconds_later(watermark, live_days() * 86400)) }} as date)
                or {{ is_no_date(column) }}
            )
        {%- else -%}
            {#- the function for the planner, who calls it and so knows that the live part is short; and the value for each row
                where no index is -#}
            {{ is_above(watermark, column) }} and {{ column }} >= {{ once(watermark) }}
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
