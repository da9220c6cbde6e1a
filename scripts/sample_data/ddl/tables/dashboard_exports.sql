create table dashboard_exports (
    id uuid default gen_random_uuid() not null,
    user_id uuid,
    campaign_id uuid,
    export_type text
        check (export_type in ('cost_analysis', 'campaign_performance', 'roi_report', 'lead_export', 'full_report')),
    file_format text check (file_format in ('csv', 'excel', 'json', 'pdf')),
    start_date date,
    end_date date,
    campaign_ids uuid[],
    row_count integer,
    file_size_mb numeric(8, 2),
    export_status text default 'pending' check (export_status in ('pending', 'processing', 'completed', 'failed')),
    download_url text,
    expires_at timestamptz,
    created_at timestamptz default now(),
    completed_at timestamptz
);
