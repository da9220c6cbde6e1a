select
    business_type,
    location,
    count(*) as campaigns,
    sum(total_leads) as leads,
    sum(qualified_leads) as qualified_leads,
    sum(total_cost) as total_cost,
    {{ ratio('sum(total_cost)', 'sum(qualified_leads)', type=type_money()) }} as cost_per_qualified_lead,
    {{ roi_percentage('sum(qualified_leads)', 'sum(total_cost)') }} as roi_percentage
from {{ ref('campaign_analytics') }}
where total_leads > 0
group by business_type, location
order by roi_percentage desc nulls last, business_type asc, location asc
