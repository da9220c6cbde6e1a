select
    -- ids
    id as lead_id,
    campaign_id,
    user_id,
    place_id,

    -- text
    business_name,
    coalesce({{ blank_to_null('address') }}, formatted_address) as address,
    {{ blank_to_null('phone') }} as phone,
    {{ blank_to_null('website') }} as website,
    {{ blank_to_null('email') }} as email,
    discovery_source,
    qualification_reason,
    processing_stage,
    {{ malformed_fields({
        'enrichment_data': 'object',
        'enrichment_sources': 'array',
        'validation_status': 'object',
    }) }} as malformed_fields,

    -- numerics
    confidence_score,
    latitude,
    longitude,
    discovery_cost,
    enrichment_cost,
    validation_cost,
    total_cost,

    -- json
    case when {{ json_is('enrichment_sources', 'array') }} then enrichment_sources end as enrichment_sources,

    -- booleans: NULL is_qualified means that the source does not say, so that the score decides
    {% if 'is_qualified' in source_columns('businesses') -%}
    coalesce(is_qualified, false) as is_qualified,
    {%- else -%}
    is_qualified,
    {%- endif %}
    coalesce({{ json_text('validation_status', ['email', 'is_valid']) }} = 'true', false) as is_email_valid,

    -- timestamps
    {{ time_or_epoch('created_at') }} as created_at,
    updated_at,
    exported_at,

    -- for incremental models
    source_created_at,
    row_version

from ({{ read_source('businesses', tracked='created_at') }}) as recorded
