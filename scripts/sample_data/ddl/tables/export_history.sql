create table export_history (
    id uuid default gen_random_uuid() not null,
    campaign_id uuid,
    user_id uuid,
    filename text,
    format text check (format in ('csv', 'json', 'xlsx')),
    leads_count integer default 0,
    file_size_bytes integer,
    filters jsonb default '{}',
    export_summary jsonb default '{}',
    download_url text,
    expires_at timestamptz,
    created_at timestamptz default now() not null
);
