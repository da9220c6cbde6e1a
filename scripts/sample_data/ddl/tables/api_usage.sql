-- `service` and `cost` were declared NOT NULL once; the defects that real deployments hold need them nullable.
create table api_usage (
    id uuid default gen_random_uuid() not null,
    user_id uuid,
    campaign_id uuid,
    business_id uuid,
    service text,
    endpoint text,
    method text default 'GET',
    cost numeric(10, 4) default 0,
    success boolean,
    response_time integer,
    request_params jsonb,
    response_data jsonb,
    error_message text,
    http_status_code integer,
    rate_limit_remaining integer,
    rate_limit_reset timestamptz,
    created_at timestamptz default now() not null
);
