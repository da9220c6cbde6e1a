with leads as (

    select
        lead_id,
        campaign_id
    from {{ ref('int_leads_unioned') }}

),

emails as (

    select
        emails.lead_email_id as record_id,
        'lead_emails' as source_table,
        leads.campaign_id,
        emails.lead_id,
        leads.lead_id is not null as has_lead,
        emails.verification_score,
        emails.created_at
    from {{ ref('stg_lead_emails') }} as emails
    left join leads
        on emails.lead_id = leads.lead_id

),

profiles as (

    select
        profiles.lead_social_profile_id as record_id,
        'lead_social_profiles' as source_table,
        leads.campaign_id,
        profiles.lead_id,
        leads.lead_id is not null as has_lead,
        profiles.created_at
    from {{ ref('stg_lead_social_profiles') }} as profiles
    left join leads
        on profiles.lead_id = leads.lead_id

),

issues as (

    {{ issue(
        'orphan_lead_email', 'error', 'emails',
        where='not has_lead',
        details=text_of(["'lead_id names no lead: '", "coalesce(cast(lead_id as " ~ dbt.type_string() ~ "), 'NULL')"]),
    ) }}

    union all

    {{ issue(
        'score_out_of_range', 'warning', 'emails',
        where='verification_score not between 0 and 100',
        details=text_of(["'verification_score '", 'verification_score']),
    ) }}

    union all

    {{ issue(
        'orphan_social_profile', 'error', 'profiles',
        where='not has_lead',
        details=text_of(["'lead_id names no lead: '", "coalesce(cast(lead_id as " ~ dbt.type_string() ~ "), 'NULL')"]),
    ) }}

)

select * from issues
