select
    -- ids
    id as api_usage_id,
    user_id,
    campaign_id,
    business_id as lead_id,

    -- text
    {{ blank_to_null('service') }} as recorded_service,
    {{ without_query('endpoint') }} as recorded_endpoint,
    {{ redact('error_message') }} as error_message,

    -- numerics
    cost,
    response_time as response_time_ms,
    http_status_code,
    rate_limit_remaining,

    -- booleans
    coalesce(success, http_status_code >= 100 and http_status_code < 400) as is_success,

    -- timestamps
    {{ time_or_epoch('created_at') }} as created_at,

    -- for incremental models
    source_created_at,
    row_version

from ({{ read_source('api_usage', tracked='created_at') }}) as recorded
