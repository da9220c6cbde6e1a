select
    -- ids
    id as lead_email_id,
    lead_id,

    -- text
    {{ blank_to_null('email') }} as email,
    source as email_source,
    verification_status,

    -- numerics
    verification_score,
    discovery_cost,

    -- timestamps
    verified_at,
    created_at,

    -- for incremental models
    source_created_at,
    row_version

from ({{ read_source('lead_emails', tracked='created_at') }}) as recorded
