-- One row per lead, from either table. An enhanced_leads row whose id businesses has is that lead's twin: it gives
-- only what businesses has no column for. A union, so that a filter on campaign or time reaches both tables.
{%- set common = [
    'campaign_id', 'business_name', 'address', 'phone', 'website', 'discovery_source', 'confidence_score',
    'discovery_cost', 'enrichment_cost', 'validation_cost', 'total_cost', 'enrichment_sources',
    'malformed_fields', 'created_at', 'updated_at', 'exported_at',
] %}
{%- set of_businesses = {
    'user_id': type_uuid(), 'place_id': dbt.type_string(), 'email': dbt.type_string(),
    'qualification_reason': dbt.type_string(), 'processing_stage': dbt.type_string(),
    'is_qualified': 'boolean', 'is_email_valid': 'boolean',
} %}
{%- set of_twins = [
    'business_type', 'owner_name', 'employee_count', 'data_completeness_score', 'website_status', 'export_status',
    'is_email_verified', 'is_social_verified',
] %}
with businesses as (

    select
        businesses.lead_id,
        'businesses' as source_table,
        {%- for column in common %}
        businesses.{{ column }},
        {%- endfor %}
        coalesce(businesses.latitude, twins.latitude) as latitude,
        coalesce(businesses.longitude, twins.longitude) as longitude,
        {%- for column in of_businesses %}
        businesses.{{ column }},
        {%- endfor %}
        {%- for column in of_twins %}
        twins.{{ column }},
        {%- endfor %}
        businesses.source_created_at
    from {{ ref('stg_businesses') }} as businesses
    left join {{ ref('stg_enhanced_leads') }} as twins
        on businesses.lead_id = twins.lead_id

),

enhanced_leads as (

    select
        enhanced_leads.lead_id,
        'enhanced_leads' as source_table,
        {%- for column in common %}
        enhanced_leads.{{ column }},
        {%- endfor %}
        enhanced_leads.latitude,
        enhanced_leads.longitude,
        {%- for column, type in of_businesses.items() %}
        cast(null as {{ type }}) as {{ column }},
        {%- endfor %}
        {%- for column in of_twins %}
        enhanced_leads.{{ column }},
        {%- endfor %}
        enhanced_leads.source_created_at
    from {{ ref('stg_enhanced_leads') }} as enhanced_leads
    left join {{ ref('stg_businesses') }} as businesses
        on enhanced_leads.lead_id = businesses.lead_id
    where businesses.lead_id is null

),

unioned as (

    select * from businesses
    union all
    select * from enhanced_leads

)

select * from unioned
