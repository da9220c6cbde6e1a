-- One row per lead of the source, with its e-mails and profiles counted, its grade, and whether it is qualified.
with leads as (

    select
        *,
        case when confidence_score between 0 and 100 then confidence_score end as usable_score,
        case when data_completeness_score between 0 and 100 then data_completeness_score end as usable_completeness
    from {{ ref('int_leads_unioned') }}

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

),

rolled_up as (

    select * from {{ ref('int_lead_contacts_rollup') }}

),

live as (

    select * from {{ ref('int_lead_contacts_live') }}

),

grades as (

    select
        grade,
        min_score,
        lead(min_score) over (order by min_score) as next_min_score
    from {{ ref('lead_grades') }}

),

final as (

    select
        leads.lead_id,
        leads.campaign_id,
        coalesce(leads.user_id, campaigns.user_id) as user_id,
        leads.source_table,
        leads.business_name,
        leads.address,
        leads.phone,
        leads.website,
        leads.email,
        leads.usable_score as confidence_score,
        grades.grade,
        leads.business_type,
        leads.owner_name,
        leads.employee_count,
        leads.discovery_source,
        leads.enrichment_sources,
        leads.discovery_cost,
        leads.enrichment_cost,
        leads.validation_cost,
        cast({{ lead_total_cost('leads') }} as {{ type_money() }}) as total_cost,
        coalesce(leads.usable_completeness, {{ filled_in_score('leads') }}) as data_completeness_score,
        coalesce(
            leads.is_qualified,
            leads.usable_score >= coalesce(campaigns.qualification_score, {{ var('default_qualification_score') }}),
            false
        ) as is_qualified,
        leads.qualification_reason,
        leads.processing_stage,
        coalesce(rolled_up.email_count, live.email_count, 0) as email_count,
        coalesce(rolled_up.deliverable_email_count, live.deliverable_email_count, 0) as deliverable_email_count,
        coalesce(rolled_up.best_email, live.best_email, leads.email) as best_email,
        coalesce(leads.is_email_verified, false)
        or coalesce(leads.is_email_valid, false)
        or coalesce(rolled_up.deliverable_email_count, live.deliverable_email_count, 0) > 0 as is_email_verified,
        coalesce(rolled_up.social_profile_count, live.social_profile_count, 0) as social_profile_count,
        coalesce(leads.is_social_verified, false)
        or coalesce(rolled_up.has_verified_profile, live.has_verified_profile, false) as is_social_verified,
        leads.website_status,
        -- pending is the column's default, so that an export says more
        case
            when leads.exported_at is not null and coalesce(leads.export_status, 'pending') = 'pending' then 'exported'
            else coalesce(leads.export_status, 'pending')
        end as export_status,
        leads.exported_at,
        leads.latitude,
        leads.longitude,
        {{ local_date('leads.created_at') }} as discovered_date,
        {{ local_hour('leads.created_at') }} as discovered_hour,
        campaigns.qualification_score as campaign_qualification_score,
        leads.source_created_at,
        leads.created_at,
        leads.updated_at
    from leads
    left join campaigns
        on leads.campaign_id = campaigns.campaign_id
    -- two joins, not one on their union, so that the leads of one campaign are looked up by an index
    left join rolled_up
        on leads.lead_id = rolled_up.lead_id
    left join live
        on leads.lead_id = live.lead_id
    left join grades
        on
            leads.usable_score >= grades.min_score
            and (grades.next_min_score is null or leads.usable_score < grades.next_min_score)

)

select * from final
