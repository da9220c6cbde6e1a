{%- set window = rollup_window() -%}
{%- set response_times -%}
    (select * from {{ ref('int_response_times_hourly_rollup') }} where {{ in_window(window) }})
{%- endset -%}
{{ service_usage_daily(ref('int_api_usage_blocks_rollup'), in_window(window), response_times) }}
