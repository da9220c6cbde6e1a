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
