-- Two campaigns, five leads, and ten calls of 0.05 USD, each in both logs, two seconds apart.
create table campaigns (
    id uuid primary key, user_id uuid, name text not null, business_type text, location text, target_count int,
    status text not null, budget_limit numeric(10, 2), current_cost numeric(10, 4), settings jsonb,
    created_at timestamptz not null, updated_at timestamptz, completed_at timestamptz
);
create table businesses (
    id uuid primary key, campaign_id uuid, user_id uuid, business_name text not null, phone text, email text,
    place_id text, confidence_score int, is_qualified boolean, discovery_cost numeric(10, 4) default 0,
    enrichment_cost numeric(10, 4) default 0, processing_stage text, created_at timestamptz not null
);
create table api_usage (
    id uuid primary key, user_id uuid, campaign_id uuid, business_id uuid, service text not null,
    endpoint text not null, cost numeric(10, 4), success boolean, response_time int, error_message text,
    http_status_code int, created_at timestamptz not null
);
create table api_usage_log (
    id uuid primary key, campaign_id uuid, api_service text not null, endpoint text, request_cost numeric(8, 4),
    response_status int, credits_used int, processing_time_ms int, created_at timestamptz not null
);
insert into campaigns
select
    ('00000000-0000-4000-8000-00000000000' || n)::uuid, '00000000-0000-4000-a000-000000000001',
    case n when 1 then 'Dentists' else 'Plumbers' end, 'dentist', 'Reno', 100, 'active', 50, 0.4 - n * 0.1,
    '{"min_confidence_score": 80}', '2026-11-01 08:00+00'
from generate_series(1, 2) as n;
insert into businesses
select
    ('00000000-0000-4000-9000-00000000000' || n)::uuid,
    ('00000000-0000-4000-8000-00000000000' || case when n <= 3 then 1 else 2 end)::uuid, null, 'Firm ' || n,
    '555-010' || n, 'f@x.example', 'place' || n, 70 + n * 5, n % 2 = 1, 0.05, 0.05, 'validated',
    '2026-11-05 10:00+00'::timestamptz + n * interval '1 hour'
from generate_series(1, 5) as n;
insert into api_usage
select
    ('00000000-0000-4000-b000-' || lpad(n::text, 12, '0'))::uuid, '00000000-0000-4000-a000-000000000001',
    ('00000000-0000-4000-8000-00000000000' || case when n <= 6 then 1 else 2 end)::uuid, null, 'hunter_io',
    'domain_search', 0.05, true, 100 + n, null, 200, '2026-11-05 10:00+00'::timestamptz + n * interval '37 minutes'
from generate_series(1, 10) as n;
insert into api_usage_log
select
    ('00000000-0000-4000-c000-' || lpad(n::text, 12, '0'))::uuid, campaign_id, 'hunter.io', 'domainSearch', 0.05, 200, 1,
    100 + n, created_at + interval '2 seconds'
from api_usage, cast(right(id::text, 4) as int) as n;
