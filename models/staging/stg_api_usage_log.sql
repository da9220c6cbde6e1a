select
    -- ids
    id as api_usage_log_id,
    campaign_id,

    -- text
    {{ blank_to_null('api_service') }} as recorded_service,
    {{ without_query('endpoint') }} as recorded_endpoint,

    -- numerics
    request_cost as cost,
    processing_time_ms as response_time_ms,
    response_status as http_status_code,
    credits_used,

    -- booleans
    response_status >= 100 and response_status < 400 as is_success,

    -- timestamps
    {{ time_or_epoch('created_at') }} as created_at,

    -- for incremental models
    source_created_at,
    row_version

from ({{ read_source('api_usage_log', tracked='created_at') }}) as recorded
