with blocks as (

    select *
    from {{ ref('int_api_usage_blocks') }}
    where {{ is_live('int_service_usage_hourly_rollup', 'hour') }}

),

response_times as (

    {{ response_times_hourly() }}

),

live as (

    {{ service_usage_hourly() }}

)

select * from {{ ref('int_service_usage_hourly_rollup') }}
union all
select * from live
