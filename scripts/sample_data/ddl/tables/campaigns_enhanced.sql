create table campaigns (
    id uuid default gen_random_uuid() not null,
    user_id uuid,
    name text not null,
    search_parameters jsonb default '{}',
    status text default 'running' not null,
    budget_limit numeric(10, 2),
    lead_limit integer,
    quality_threshold integer default 70 check (quality_threshold between 0 and 100),
    leads_discovered integer default 0,
    leads_qualified integer default 0,
    total_cost numeric(10, 2) default 0,
    created_at timestamptz default now() not null,
    completed_at timestamptz,
    updated_at timestamptz default now()
);
