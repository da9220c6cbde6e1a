create table lead_social_profiles (
    id uuid default gen_random_uuid() not null,
    lead_id uuid not null,
    platform text not null
        check (platform in ('linkedin', 'facebook', 'twitter', 'instagram', 'tiktok', 'youtube')),
    profile_url text,
    username text,
    followers_count integer,
    verification_status text default 'pending',
    scraped_data jsonb default '{}',
    created_at timestamptz default now()
);
