-- What the calls cost is one number, whichever mart adds it up.
with totals as (

    select
        (select coalesce(sum(cost), 0) from {{ ref('int_api_calls') }}) as calls,
        (select coalesce(sum(total_cost), 0) from {{ ref('api_cost_tracking') }}) as cost_tracking,
        (select coalesce(sum(counted_cost), 0) from {{ ref('api_usage_reconciliation') }}) as reconciliation,
        (select coalesce(sum(total_cost), 0) from {{ ref('api_service_breakdown') }}) as service_breakdown,
        (select coalesce(sum(cost), 0) from {{ ref('service_health_metrics') }}) as service_health,
        (select coalesce(sum(spend), 0) from {{ ref('budget_status') }}) as budgets,
        (select coalesce(sum(total_api_cost), 0) from {{ ref('lead_qualification_metrics') }}) as qualification_metrics

)

select *
from totals
where
    calls is distinct from cost_tracking
    or calls is distinct from reconciliation
    or calls is distinct from service_breakdown
    or calls is distinct from service_health
    or calls is distinct from budgets
    or calls is distinct from qualification_metrics
