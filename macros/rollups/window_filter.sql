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
