with leads as (

    select * from {{ ref('enhanced_leads') }}

),

campaigns as (

    select * from {{ ref('campaign_analytics') }}

)

select
    leads.business_name,
    campaigns.campaign_name,
    leads.phone,
    leads.best_email,
    leads.grade,
    leads.confidence_score,
    leads.deliverable_email_count > 0 as has_deliverable_email
from leads
left join campaigns
    on leads.campaign_id = campaigns.campaign_id
where
    leads.is_qualified
    and leads.export_status = 'pending'
    and leads.duplicate_of is null
    and leads.phone is not null
order by
    leads.confidence_score desc nulls last,
    has_deliverable_email desc,
    leads.data_completeness_score desc nulls last,
    leads.created_at desc,
    leads.id asc
limit 20
