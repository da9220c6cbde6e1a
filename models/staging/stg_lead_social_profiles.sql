select
    -- ids
    id as lead_social_profile_id,
    lead_id,

    -- text
    platform,
    profile_url,
    username,
    verification_status,

    -- numerics
    followers_count,

    -- timestamps
    created_at,

    -- for incremental models
    source_created_at,
    row_version

from ({{ read_source('lead_social_profiles', tracked='created_at') }}) as recorded
