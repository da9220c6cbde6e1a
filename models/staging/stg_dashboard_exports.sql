select
    -- ids
    id as export_id,
    user_id,
    campaign_id,
    campaign_ids,

    -- text
    export_type,
    file_format,
    export_status,

    -- numerics
    row_count,
    file_size_mb,

    -- dates and timestamps
    start_date,
    end_date,
    expires_at,
    {{ time_or_epoch('created_at') }} as created_at,
    completed_at

from ({{ read_source('dashboard_exports') }}) as recorded
