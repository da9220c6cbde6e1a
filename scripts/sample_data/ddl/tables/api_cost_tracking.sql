create table api_cost_tracking (
    id uuid default gen_random_uuid() not null,
    campaign_id uuid,
    business_id uuid,
    api_service text,
    endpoint text,
    request_count integer default 1,
    cost_per_request numeric(8, 4),
    total_cost numeric(10, 4),
    success_count integer default 0,
    error_count integer default 0,
    avg_response_time_ms integer,
    rate_limit_remaining integer,
    date date default current_date,
    hour integer check (hour between 0 and 23),
    created_at timestamptz default now()
);
