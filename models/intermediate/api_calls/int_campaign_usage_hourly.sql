{% set rollup = 'int_campaign_usage_hourly_rollup' -%}
with live as (

    {{ api_records_hourly('live', rollup=rollup) }}

),

open_hours as (

    select {{ columns_of(rollup) }}
    from {{ ref('int_campaign_usage_hourly_rollup') }}
    where {{ is_open(rollup, 'hour') }}
    union all
    {{ of_campaign_usage_hourly('live') }}

),

open_sums as (

    {{ campaign_usage_hourly('open_hours') }}

)

select {{ columns_of(rollup) }}
from {{ ref('int_campaign_usage_hourly_rollup') }}
where {{ is_closed(rollup, 'hour') }}
union all
select * from open_sums
