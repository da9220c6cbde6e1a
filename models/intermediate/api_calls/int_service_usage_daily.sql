{%- set response_times -%}
    (
        select * from {{ ref('int_response_times_hourly') }}
        where {{ is_live_period('int_service_usage_daily_rollup', 'day') }}
    )
{%- endset -%}
with live as (

    {{ service_usage_daily(
        ref('int_api_usage_blocks'), is_live('int_service_usage_daily_rollup', 'day'), response_times
    ) }}

)

select * from {{ ref('int_service_usage_daily_rollup') }}
union all
select * from live
