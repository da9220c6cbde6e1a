-- One row per service and date with a record of a call.
{% set rollup = 'int_service_usage_daily_rollup' -%}
with live as (

    {{ api_records_hourly('live', rollup=rollup) }}

),

open_days as (

    select {{ columns_of(rollup) }}
    from {{ ref('int_service_usage_daily_rollup') }}
    where {{ is_open(rollup, 'day') }}
    union all
    {{ of_service_usage_daily('live') }}

),

open_sums as (

    {{ service_usage_daily('open_days') }}

),

daily as (

    select {{ columns_of(rollup) }}
    from {{ ref('int_service_usage_daily_rollup') }}
    where {{ is_closed(rollup, 'day') }}
    union all
    select * from open_sums

)

select {{ model.columns | join(', ') }}
from daily
