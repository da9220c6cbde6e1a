{# The rows of the mart enhanced_leads; `is_masked` puts pseudonyms in the place of personal data. #}
{% macro listed_leads(is_masked) -%}
    with leads as (

        select * from {{ ref('int_leads') }}

    ),

    duplicates as (

        select * from {{ ref('int_lead_duplicates') }}

    )

    select
        leads.lead_id as id,
        leads.campaign_id,
        leads.user_id,
        leads.business_name,
        {{ personal('leads.address', is_masked) }} as address,
        {{ personal('leads.phone', is_masked) }} as phone,
        leads.website,
        {{ personal('leads.email', is_masked) }} as email,
        leads.confidence_score,
        leads.grade,
        leads.business_type,
        {{ personal('leads.owner_name', is_masked) }} as owner_name,
        leads.employee_count,
        leads.discovery_source,
        leads.enrichment_sources,
        leads.discovery_cost,
        leads.enrichment_cost,
        leads.validation_cost,
        leads.total_cost,
        leads.data_completeness_score,
        leads.is_qualified,
        leads.qualification_reason,
        leads.processing_stage,
        leads.email_count,
        leads.deliverable_email_count,
        {{ personal('leads.best_email', is_masked) }} as best_email,
        leads.is_email_verified as email_verified,
        leads.social_profile_count,
        leads.is_social_verified as social_verified,
        leads.website_status,
        leads.export_status,
        leads.exported_at,
        {{ personal('leads.latitude', is_masked) }} as latitude,
        {{ personal('leads.longitude', is_masked) }} as longitude,
        duplicates.duplicate_of,
        leads.source_table,
        leads.created_at,
        leads.updated_at
    from leads
    left join duplicates
        on
            leads.lead_id = duplicates.lead_id
            and leads.campaign_id = duplicates.campaign_id
{%- endmacro %}
