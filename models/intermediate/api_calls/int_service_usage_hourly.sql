{%- set response_times -%}
    (
        select * from {{ ref('int_response_times_hourly') }}
        where {{ is_live_period('int_service_usage_hourly_rollup', 'hour') }}
    )
{%- endset -%}
with live as (

    {{ service_usage_hourly(
        ref('int_api_usage_blocks'), is_live('int_service_usage_hourly_rollup', 'hour'), response_times
    ) }}

)

select * from {{ ref('int_service_usage_hourly_rollup') }}
union all
select * from live
