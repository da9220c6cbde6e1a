-- One row per lead_id that has a social profile, whether or not it is a lead.
with profiles as (

    select * from {{ ref('stg_lead_social_profiles') }}

),

by_lead as (

    select
        lead_id,
        count(*) as social_profile_count,
        {{ dbt.bool_or("coalesce(verification_status = 'verified', false)") }} as has_verified_profile
    from profiles
    group by lead_id

)

select * from by_lead
