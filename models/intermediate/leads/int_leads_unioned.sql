-- One row per lead, from either table. An enhanced_leads row whose id businesses has is that lead's twin: it gives
-- only what businesses has no column for.
with businesses as (

    select * from {{ ref('stg_businesses') }}

),

enhanced_leads as (

    select * from {{ ref('stg_enhanced_leads') }}

),

unioned as (

    select
        coalesce(businesses.lead_id, enhanced_leads.lead_id) as lead_id,
        case when businesses.lead_id is not null then 'businesses' else 'enhanced_leads' end as source_table,
        {% for column in [
            'campaign_id', 'business_name', 'address', 'phone', 'website', 'discovery_source', 'confidence_score',
            'discovery_cost', 'enrichment_cost', 'total_cost', 'enrichment_sources',
            'created_at', 'updated_at', 'exported_at',
        ] -%}
        case
            when businesses.lead_id is not null then businesses.{{ column }} else enhanced_leads.{{ column }}
        end as {{ column }},
        {% endfor -%}
        coalesce(businesses.latitude, enhanced_leads.latitude) as latitude,
        coalesce(businesses.longitude, enhanced_leads.longitude) as longitude,

        businesses.user_id,
        businesses.place_id,
        businesses.email,
        businesses.qualification_reason,
        businesses.processing_stage,
        businesses.validation_cost,
        businesses.is_qualified,
        businesses.is_email_valid,

        enhanced_leads.business_type,
        enhanced_leads.owner_name,
        enhanced_leads.employee_count,
        enhanced_leads.data_completeness_score,
        enhanced_leads.website_status,
        enhanced_leads.export_status,
        enhanced_leads.is_email_verified,
        enhanced_leads.is_social_verified
    from businesses
    full outer join enhanced_leads
        on businesses.lead_id = enhanced_leads.lead_id

)

select * from unioned
