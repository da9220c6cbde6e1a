-- One row per defect of a lead, or of an e-mail or social profile.
{% set rollup = 'int_lead_issues_rollup' -%}
with leads as (

    select
        *,
        {{ epoch_block('created_at', pairing_block_seconds()) }} as block_start
    from {{ ref('int_leads_unioned') }}
    where {{ window_filter('live', rollup=rollup) }}

),

live_leads as (

    select *
    from leads
    where {{ is_live(rollup) }}

),

live as (

    {{ lead_issues('live_leads') }}

),

rolled_up as (

    select *
    from {{ ref('int_lead_issues_rollup') }}
    where
        (issue_type <> 'future_timestamp' or detected_for > {{ latest_plausible_time() }})
        and (missing_lead_id is null or missing_lead_id not in (select live_leads.lead_id from live_leads))

),

duplicates as (

    select
        *,
        lead_id as record_id
    from {{ ref('int_lead_duplicates') }}

),

issues as (

    select * from rolled_up
    union all
    select * from live

)

select
    issue_type,
    severity,
    source_table,
    record_id,
    campaign_id,
    details,
    detected_for
from issues
union all
{{ issue(
    'duplicate_lead', 'warning', 'duplicates',
    where='true',
    details=text_of(["'same business as lead '", 'duplicate_of']),
) }}
