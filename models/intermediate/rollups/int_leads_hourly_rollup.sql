-- depends_on: {{ ref('stg_campaigns') }}
{% set window = rollup_window() -%}
{{ leads_hourly(ref('int_leads'), window_filter(window) ~ ' and ' ~ in_window(window)) }}
