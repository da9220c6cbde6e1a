{# The condition that a row of a rollup is computed anew by this run, and complete. `window` is from rollup_window. #}
{% macro in_window(window) -%}
    {%- set period = this_rollup().get('period', 'block') -%}
    {%- set prefix = this_rollup().get('prefix', 'call') -%}
    {{ in_periods(window, period, prefix) }}
    and {{ period_of_row(period, prefix) }} < (select {{ period_start('watermark', period) }} from ({{ rollup_upstream() }}) as upstream)
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
            {%- for hour in window.hours %}('{{ hour[:10] }}', {{ hour[11:13] | int }}){{ ', ' if not loop.last }}{% endfor -%}
        )
    {%- else -%}
        {%- set dates = [] -%}
        {%- for hour in window.hours -%}{%- do dates.append(hour[:10]) -%}{%- endfor -%}
        {{ prefix }}_date in ('{{ dates | unique | join("', '") }}')
    {%- endif -%}
{%- endmacro %}


{% macro in_ranges(ranges, column) -%}
    (
    {%- for starts_at, ends_at in ranges %}
        {{ 'or ' if not loop.first }}({{ column }} >= '{{ starts_at }}' and {{ column }} < '{{ ends_at }}')
    {%- endfor %}
    )
{%- endmacro %}


{# The condition that a row of blocks is not in a rollup, because its block, hour or day is not complete. #}
{% macro is_live(rollup, period) -%}
    {%- set watermark = rollup_watermark(rollup) -%}
    block_start >= {{ watermark if period == 'block' else seconds_later(watermark, -pairing_block_seconds()) }}
    {%- if period != 'block' %}
    and {{ is_live_period(rollup, period) }}
    {%- endif -%}
{%- endmacro %}


{% macro is_live_period(rollup, period, prefix='call') -%}
    {{ period_of_row(period, prefix) }} >= {{ rollup_watermark(rollup) }}
{%- endmacro %}


{% macro period_of_row(period, prefix='call') -%}
    {%- if period == 'block' -%}
        block_start
    {%- else -%}
        {{ hour_start(prefix ~ '_date', prefix ~ '_hour' if period == 'hour' else 0) }}
    {%- endif -%}
{%- endmacro %}
