-- One row per campaign: what it cost, and what its qualified leads are worth against that.
select
    campaign_id,
    campaign_name,
    status,
    total_leads,
    qualified_leads,
    total_cost,
    cast(total_cost * (1 + roi_percentage / 100) as numeric(18, 4)) as qualified_lead_value,
    cast(total_cost * roi_percentage / 100 as numeric(18, 4)) as net_value,
    roi_percentage,
    cost_per_qualified_lead,
    efficiency_score,
    efficiency_rating,
    budget_limit,
    budget_utilization_percentage
from analytics.campaign_analytics
