create table lead_emails (
    id uuid default gen_random_uuid() not null,
    lead_id uuid not null,
    email text not null,
    source text check (source in ('hunter_io', 'scraped', 'pattern_generated', 'manual')),
    verification_status text default 'pending'
        check (verification_status in ('deliverable', 'undeliverable', 'risky', 'unknown', 'pending')),
    verification_score integer,
    discovery_cost numeric(8, 4) default 0,
    verified_at timestamptz,
    created_at timestamptz default now()
);
