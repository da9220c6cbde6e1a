-- depends_on: {{ ref('stg_campaigns') }}
{% set window = rollup_window() -%}
{{ leads_hourly(
    ref('int_leads'),
    window_filter(window) ~ ' and not ' ~ is_above(run_watermark(), 'created_at') ~ ' and ' ~ in_window(window)
) }}
