create table api_usage_log (
    id uuid default gen_random_uuid() not null,
    campaign_id uuid,
    api_service text,
    endpoint text,
    request_cost numeric(8, 4) default 0,
    response_status integer,
    credits_used integer default 1,
    processing_time_ms integer,
    request_data jsonb,
    response_data jsonb,
    created_at timestamptz default now() not null
);
