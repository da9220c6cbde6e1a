create table campaigns (
    id uuid default gen_random_uuid() not null,
    user_id uuid,
    name text not null,
    business_type text,
    location text,
    target_count integer default 100,
    status text default 'active' not null,
    budget_limit numeric(10, 2),
    current_cost numeric(10, 4) default 0,
    progress_percentage integer default 0 check (progress_percentage between 0 and 100),
    settings jsonb default '{}',
    results jsonb default '{}',
    created_at timestamptz default now() not null,
    updated_at timestamptz default now(),
    completed_at timestamptz
);
