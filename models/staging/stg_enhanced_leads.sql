select
    -- ids
    id as lead_id,
    campaign_id,

    -- text
    business_name,
    {{ blank_to_null('address') }} as address,
    {{ blank_to_null('phone') }} as phone,
    {{ blank_to_null('website') }} as website,
    business_type,
    owner_name,
    discovery_source,
    export_status,
    {{ malformed_fields({'enrichment_sources': 'object'}) }} as malformed_fields,

    -- numerics
    confidence_score,
    employee_count,
    data_completeness_score,
    website_status,
    location_coordinates_y as latitude,
    location_coordinates_x as longitude,
    discovery_cost,
    enrichment_cost,
    validation_cost,
    total_cost,

    -- json
    {{ json_object_keys_array('enrichment_sources') }} as enrichment_sources,

    -- booleans
    email_verified as is_email_verified,
    social_verified as is_social_verified,

    -- timestamps
    {{ time_or_epoch('created_at') }} as created_at,
    updated_at,
    exported_at,

    -- for incremental models
    source_created_at,
    row_version

from ({{ read_source('enhanced_leads', tracked='created_at') }}) as recorded
