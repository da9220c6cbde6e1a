with campaigns as (

    select * from {{ ref('campaign_analytics') }}

),

average as (

    select {{ ratio('sum(total_cost)', 'sum(qualified_leads)', type=type_money()) }} as cost_per_qualified_lead
    from campaigns

)

select
    campaigns.campaign_name,
    campaigns.total_leads,
    campaigns.qualification_rate,
    campaigns.total_cost,
    campaigns.cost_per_qualified_lead,
    average.cost_per_qualified_lead as average_of_all_campaigns,
    campaigns.roi_percentage,
    campaigns.budget_utilization_percentage,
    case
        when campaigns.roi_percentage < 0 then 'costs more than it brings'
        when campaigns.budget_utilization_percentage >= {{ var('budget_exceeded_percentage') }} then 'budget is used up'
        when campaigns.cost_per_qualified_lead > 2 * average.cost_per_qualified_lead then 'twice as dear as others'
    end as reason_to_stop
from campaigns
cross join average
where campaigns.status = 'active' and campaigns.total_leads > 0
order by campaigns.roi_percentage asc nulls last, campaigns.campaign_name asc, campaigns.campaign_id asc
