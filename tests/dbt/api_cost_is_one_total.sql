-- What the calls cost is one number, whichever mart adds it up.
with totals as (

    select
        (select coalesce(sum(cost), 0) from {{ ref('int_api_calls') }}) as calls,
        (select coalesce(sum(total_cost), 0) from {{ ref('api_cost_tracking') }}) as cost_tracking,
        (select coalesce(sum(counted_cost), 0) from {{ ref('api_usage_reconciliation') }}) as reconciliation

)

select *
from totals
where
    calls is distinct from cost_tracking
    or calls is distinct from reconciliation
