{# The recorded total or, where a NULL part has made it NULL, the sum of the parts that are there; NULL without any. #}
{% macro lead_total_cost(leads) -%}
    coalesce(
        {{ leads }}.total_cost,
        case
            when
                coalesce({{ leads }}.discovery_cost, {{ leads }}.enrichment_cost, {{ leads }}.validation_cost)
                is not null
                then
                    coalesce({{ leads }}.discovery_cost, 0)
                    + coalesce({{ leads }}.enrichment_cost, 0)
                    + coalesce({{ leads }}.validation_cost, 0)
        end
    )
{%- endmacro %}


{# 0 to 100: 20 points for each of the five ways to know a business that is filled in. #}
{% macro filled_in_score(leads) -%}
    (
    {%- for column in ['business_name', 'address', 'phone', 'website', 'email'] %}
        case when {{ blank_to_null(leads ~ '.' ~ column) }} is null then 0 else 20 end
        {{- ' +' if not loop.last }}
    {%- endfor %}
    )
{%- endmacro %}


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


{# The rows of the mart enhanced_leads; `is_masked` puts pseudonyms in the place of personal data. #}
{% macro listed_leads(is_masked) -%}
    with leads as (

        select * from {{ ref('int_leads') }}

    ),

    duplicates as (

        select * from {{ ref('int_lead_duplicates') }}

    )

    select
        leads.lead_id as id,
        leads.campaign_id,
        leads.user_id,
        leads.business_name,
        {{ personal('leads.address', is_masked) }} as address,
        {{ personal('leads.phone', is_masked) }} as phone,
        leads.website,
        {{ personal('leads.email', is_masked) }} as email,
        leads.confidence_score,
        leads.grade,
        leads.business_type,
        {{ personal('leads.owner_name', is_masked) }} as owner_name,
        leads.employee_count,
        leads.discovery_source,
        leads.enrichment_sources,
        {{ cast_or_null('leads.discovery_cost', 10, 4) }} as discovery_cost,
        {{ cast_or_null('leads.enrichment_cost', 10, 4) }} as enrichment_cost,
        {{ cast_or_null('leads.validation_cost', 10, 4) }} as validation_cost,
        cast(leads.total_cost as {{ type_shown_money() }}) as total_cost,
        leads.data_completeness_score,
        leads.is_qualified,
        leads.qualification_reason,
        leads.processing_stage,
        leads.email_count,
        leads.deliverable_email_count,
        {{ personal('leads.best_email', is_masked) }} as best_email,
        leads.is_email_verified as email_verified,
        leads.social_profile_count,
        leads.is_social_verified as social_verified,
        leads.website_status,
        leads.export_status,
        leads.exported_at,
        {{ personal('leads.latitude', is_masked) }} as latitude,
        {{ personal('leads.longitude', is_masked) }} as longitude,
        duplicates.duplicate_of,
        leads.source_table,
        leads.created_at,
        leads.updated_at
    from leads
    left join duplicates
        on
            leads.lead_id = duplicates.lead_id
            and leads.campaign_id = duplicates.campaign_id
{%- endmacro %}


{# Leads by campaign, date and hour of discovery, from those rows of `leads` that `where` lets through. #}
{% macro leads_hourly(leads='leads', where='true') -%}
    select
        campaign_id,
        discovered_date,
        discovered_hour,
        count(*) as leads_discovered,
        count(case when is_qualified then 1 end) as leads_qualified,
        count(case when export_status = 'exported' then 1 end) as leads_exported,
        count(case when processing_stage = 'failed' then 1 end) as leads_failed,
        cast(sum(total_cost) as {{ type_money() }}) as lead_cost,
        cast(sum(confidence_score) as {{ dbt.type_bigint() }}) as confidence_score_sum,
        count(confidence_score) as leads_scored,
        {%- for grade in ['a', 'b', 'c', 'd', 'f'] %}
        count(case when grade = '{{ grade | upper }}' then 1 end) as grade_{{ grade }}_leads,
        {%- endfor %}
        count(best_email) as leads_with_email,
        cast(sum(email_count) as {{ dbt.type_bigint() }}) as total_emails,
        cast(sum(deliverable_email_count) as {{ dbt.type_bigint() }}) as deliverable_emails,
        count(case when social_profile_count > 0 then 1 end) as leads_with_social_profile,
        min(created_at) as first_lead_at,
        max(created_at) as last_lead_at,
        cast(max(campaign_qualification_score) as numeric(18, 4)) as campaign_qualification_score
    from {{ leads }}
    where {{ where }}
    group by campaign_id, discovered_date, discovered_hour
{%- endmacro %}


{# The same added up again: the live part and the rollup's rows of the open hour. #}
{% macro summed_leads_hourly(hours='hours') -%}
    select
        campaign_id,
        discovered_date,
        discovered_hour,
        {%- for column in ['leads_discovered', 'leads_qualified', 'leads_exported', 'leads_failed'] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        cast(sum(lead_cost) as {{ type_money() }}) as lead_cost,
        {%- for column in [
            'confidence_score_sum', 'leads_scored', 'grade_a_leads', 'grade_b_leads', 'grade_c_leads', 'grade_d_leads',
            'grade_f_leads', 'leads_with_email', 'total_emails', 'deliverable_emails', 'leads_with_social_profile',
        ] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        min(first_lead_at) as first_lead_at,
        max(last_lead_at) as last_lead_at,
        max(campaign_qualification_score) as campaign_qualification_score
    from {{ hours }}
    group by campaign_id, discovered_date, discovered_hour
{%- endmacro %}


{# Hours whose leads were judged by a score that their campaign has no longer. #}
{% macro hours_judged_otherwise() -%}
    select tstzrange(rollup.hour_start, rollup.hour_start + interval '1 hour') as range
    from (
        select *, {{ hour_start('discovered_date', 'discovered_hour') }} as hour_start from {{ this }}
    ) as rollup
    left join {{ ref('stg_campaigns') }} as campaigns
        on rollup.campaign_id = campaigns.campaign_id
    where rollup.campaign_qualification_score is distinct from campaigns.qualification_score
{%- endmacro %}


{# The condition that no lead of either table has the id that a row of `relation` names. #}
{% macro names_no_lead(relation, column='lead_id') -%}
    (
    {%- for leads in ['stg_businesses', 'stg_enhanced_leads'] %}
        not exists (select 1 from {{ ref(leads) }} as leads where leads.lead_id = {{ relation }}.{{ column }})
        {{- ' and' if not loop.last }}
    {%- endfor %}
    )
{%- endmacro %}


{#
  Versions of leads and of all that is recorded of them, each in the block of its lead, because what is computed of them
  is; and of e-mails and profiles without a lead, in their own. What is more than a block older than its lead may have
  been there before it. `window` as for window_filter.
#}
{% macro lead_versions(window) -%}
    {%- set block = epoch_block('created_at', pairing_block_seconds()) -%}
    with businesses as (

        select lead_id, created_at, {{ block }} as block_start, row_version
        from {{ ref('stg_businesses') }}
        where {{ window_filter(window) }}

    ),

    leads as (

        select * from businesses
        union all
        select lead_id, created_at, {{ block }} as block_start, row_version
        from {{ ref('stg_enhanced_leads') }} as enhanced_leads
        where
            {{ window_filter(window) }}
            and not exists (
                select from {{ ref('stg_businesses') }} as twins where twins.lead_id = enhanced_leads.lead_id
            )

    )

    select block_start, row_version, cast(null as {{ type_timestamptz() }}) as earlier_block
    from leads
    {%- for parts, wholes in [
        ('stg_enhanced_leads', 'businesses'), ('stg_lead_emails', 'leads'), ('stg_lead_social_profiles', 'leads'),
    ] %}
    union all
    select
        leads.block_start,
        parts.row_version,
        case
            when
                {{ time_or_epoch('parts.created_at') }}
                < {{ seconds_later('leads.created_at', -pairing_block_seconds()) }}
                then {{ epoch_block(time_or_epoch('parts.created_at'), pairing_block_seconds()) }}
        end as earlier_block
    from {{ wholes }} as leads
    inner join {{ ref(parts) }} as parts on leads.lead_id = parts.lead_id
    {%- endfor %}
    {%- for contacts in ['stg_lead_emails', 'stg_lead_social_profiles'] %}
    union all
    select
        {{ epoch_block(time_or_epoch('created_at'), pairing_block_seconds()) }} as block_start,
        row_version,
        null as earlier_block
    from {{ ref(contacts) }} as contacts
    where {{ window_filter(window) }} and {{ names_no_lead('contacts') }}
    {%- endfor %}
{%- endmacro %}
