{# E-mails and social profiles of leads that `where` (on int_leads_unioned) lets through, one row per lead with any. #}
{% macro lead_contacts(where='true') -%}
    with leads as (

        select
            lead_id,
            {{ epoch_block('created_at', pairing_block_seconds()) }} as block_start
        from {{ ref('int_leads_unioned') }}
        where {{ where }}

    ),

    ranked_emails as (

        select
            leads.lead_id,
            leads.block_start,
            emails.email,
            case when emails.verification_status = 'deliverable' then 1 else 0 end as is_deliverable,
            row_number() over (
                partition by leads.lead_id
                order by
                    case when emails.verification_status = 'deliverable' then 0 else 1 end asc,
                    case when emails.verification_score between 0 and 100 then emails.verification_score end desc nulls last,
                    emails.created_at asc nulls last,
                    emails.lead_email_id asc
            ) as preference
        from leads
        inner join {{ ref('stg_lead_emails') }} as emails
            on leads.lead_id = emails.lead_id

    ),

    contacts as (

        select
            lead_id,
            block_start,
            1 as emails,
            is_deliverable as deliverable_emails,
            case when preference = 1 then email end as best_email,
            0 as social_profiles,
            0 as verified_profiles
        from ranked_emails
        union all
        select
            leads.lead_id,
            leads.block_start,
            0 as emails,
            0 as deliverable_emails,
            null as best_email,
            1 as social_profiles,
            case when profiles.verification_status = 'verified' then 1 else 0 end as verified_profiles
        from leads
        inner join {{ ref('stg_lead_social_profiles') }} as profiles
            on leads.lead_id = profiles.lead_id

    )

    select
        lead_id,
        block_start,
        cast(sum(emails) as {{ dbt.type_bigint() }}) as email_count,
        cast(sum(deliverable_emails) as {{ dbt.type_bigint() }}) as deliverable_email_count,
        max(best_email) as best_email,
        cast(sum(social_profiles) as {{ dbt.type_bigint() }}) as social_profile_count,
        sum(verified_profiles) > 0 as has_verified_profile
    from contacts
    group by lead_id, block_start
{%- endmacro %}
