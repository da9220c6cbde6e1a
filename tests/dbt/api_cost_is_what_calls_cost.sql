-- What the marts add up is what the calls cost, row by row.
with totals as (

    select
        (select coalesce(sum(cost), 0) from {{ ref('int_api_calls') }}) as calls,
        (select coalesce(sum(counted_cost), 0) from {{ ref('api_usage_reconciliation') }})
        + {{ rounded_away(ref('int_service_usage_daily'), 'cost') }} as reconciliation

)

select *
from totals
where calls is distinct from reconciliation
