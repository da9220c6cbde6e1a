select
    -- ids
    id as export_id,
    user_id,
    campaign_id,
    campaign_ids,

    -- text
    -- the application's own copies of export_history have the format in both
    case
        when export_type in ('csv', 'excel', 'json', 'pdf', 'xlsx') then 'lead_export' else export_type
    end as export_type,
    {{ export_format('file_format') }} as file_format,
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
