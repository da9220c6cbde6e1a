{%- set window = rollup_window() -%}
with response_times as (

    select *
    from {{ ref('int_response_times_hourly_rollup') }}
    where {{ in_window(window) }}

),

summed as (

    {{ service_usage_hourly(ref('int_api_usage_blocks_rollup'), in_window(window)) }}

)

select * from summed
