-- depends_on: {{ ref('int_api_open_ends') }}
with records as (

    {{ of_campaign_usage_hourly(ref('int_api_records_hourly_rollup'), in_window(rollup_window())) }}

),

summed as (

    {{ campaign_usage_hourly('records') }}

)

select * from summed
