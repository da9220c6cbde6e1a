with campaigns as (

    select
        *,
        greatest(lead_target - total_leads, 0) as leads_missing,
        budget_limit - total_cost as budget_left
    from {{ ref('campaign_analytics') }}
    where status in ('active', 'paused') and lead_target is not null and budget_limit is not null and total_leads > 0

),

priced as (

    select
        *,
        leads_missing * cost_per_lead as cost_to_target
    from campaigns

)

select
    campaign_name,
    status,
    lead_target,
    total_leads,
    leads_missing,
    cost_per_lead,
    cast(cost_to_target as {{ type_money() }}) as cost_to_target,
    cast(budget_left as {{ type_money() }}) as budget_left,
    cast(case when cost_to_target > budget_left then cost_to_target - budget_left else 0 end as {{ type_money() }})
        as budget_missing
from priced
order by budget_missing desc nulls last, campaign_name asc, campaign_id asc
