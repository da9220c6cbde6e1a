-- One row per lead, duplicates left out.
select
    leads.id as lead_id,
    leads.campaign_id,
    campaigns.campaign_name,
    leads.business_name,
    leads.owner_name,
    leads.phone,
    leads.best_email,
    leads.email_verified,
    leads.website,
    leads.address,
    leads.business_type,
    leads.confidence_score,
    leads.grade,
    leads.is_qualified,
    leads.processing_stage,
    leads.data_completeness_score,
    leads.total_cost,
    leads.export_status,
    leads.created_at
from analytics.enhanced_leads as leads
left join analytics.campaign_analytics as campaigns on leads.campaign_id = campaigns.campaign_id
where leads.duplicate_of is null
