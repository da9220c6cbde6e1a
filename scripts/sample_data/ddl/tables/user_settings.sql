create table user_settings (
    user_id uuid not null,
    daily_budget_limit numeric(10, 2) default 20,
    monthly_budget_limit numeric(10, 2) default 100,
    per_lead_cost_limit numeric(10, 2) default 2,
    api_keys jsonb default '{}',
    preferences jsonb default '{}',
    notification_settings jsonb default '{"budget_alert_threshold": 80}',
    total_campaigns integer default 0,
    total_leads_generated integer default 0,
    total_cost_spent numeric(12, 4) default 0,
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);
