-- depends_on: {{ ref('int_api_open_ends') }}
with records as (

    {{ of_service_usage_daily(ref('int_api_records_hourly_rollup'), in_window(rollup_window())) }}

),

summed as (

    {{ service_usage_daily('records') }}

)

select * from summed
