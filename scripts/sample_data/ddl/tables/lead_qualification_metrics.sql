create table lead_qualification_metrics (
    id uuid default gen_random_uuid() not null,
    campaign_id uuid,
    total_leads_discovered integer default 0,
    leads_qualified integer default 0,
    qualification_rate numeric(5, 4),
    avg_confidence_score numeric(5, 2),
    total_api_calls integer default 0,
    total_api_cost numeric(10, 4) default 0,
    cost_per_qualified_lead numeric(8, 4),
    roi_percentage numeric(8, 4),
    date date default current_date,
    hour integer check (hour between 0 and 23),
    created_at timestamptz default now()
);
