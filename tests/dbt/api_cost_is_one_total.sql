-- What the calls cost is one number, whichever mart adds it up.
with totals as (

    select
        (select coalesce(sum(total_cost), 0) from {{ ref('api_cost_tracking') }})
        + {{ rounded_away(ref('int_api_usage_hourly'), 'total_cost') }} as cost_tracking,
        (select coalesce(sum(counted_cost), 0) from {{ ref('api_usage_reconciliation') }})
        + {{ rounded_away(ref('int_service_usage_daily'), 'cost') }} as reconciliation

)

select *
from totals
where cost_tracking is distinct from reconciliation
