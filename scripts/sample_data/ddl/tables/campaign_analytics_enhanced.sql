create table campaign_analytics (
    id uuid default gen_random_uuid() not null,
    campaign_id uuid,
    metric_name text,
    metric_value numeric(12, 4),
    metric_type text check (metric_type in ('cost', 'usage', 'performance', 'quality', 'conversion')),
    api_service text,
    metadata jsonb default '{}',
    timestamp timestamptz default now()
);
