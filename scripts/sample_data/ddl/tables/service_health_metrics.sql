create table service_health_metrics (
    id uuid default gen_random_uuid() not null,
    service_name text,
    status text check (status in ('healthy', 'degraded', 'down')),
    response_time_ms integer,
    error_rate numeric(5, 4),
    rate_limit_remaining integer,
    cost_budget_remaining numeric(10, 2),
    requests_today integer default 0,
    cost_today numeric(10, 2) default 0,
    last_successful_call timestamptz,
    last_error text,
    timestamp timestamptz default now()
);
