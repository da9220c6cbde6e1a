-- One row per campaign, date and hour in which a lead was found. Qualified counts the leads found in that hour.
{% set rollup = 'int_leads_hourly_rollup' -%}
with live as (

    {{ leads_hourly(ref('int_leads'), window_filter('live', rollup=rollup)) }}

),

open_hours as (

    select {{ columns_of(rollup) }}
    from {{ ref('int_leads_hourly_rollup') }}
    where {{ is_open(rollup, 'hour', prefix='discovered') }}
    union all
    select * from live

),

open_sums as (

    {{ summed_leads_hourly('open_hours') }}

)

select {{ columns_of(rollup) }}
from {{ ref('int_leads_hourly_rollup') }}
where {{ is_closed(rollup, 'hour', prefix='discovered') }}
union all
select * from open_sums
