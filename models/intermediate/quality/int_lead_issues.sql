with leads as (

    select
        leads.*,
        leads.lead_id as record_id,
        {{ lead_total_cost('leads') }} as computed_cost,
        campaigns.campaign_id is not null as has_campaign,
        duplicates.duplicate_of
    from {{ ref('int_leads_unioned') }} as leads
    left join {{ ref('stg_campaigns') }} as campaigns
        on leads.campaign_id = campaigns.campaign_id
    left join {{ ref('int_lead_duplicates') }} as duplicates
        on
            leads.lead_id = duplicates.lead_id
            and leads.campaign_id = duplicates.campaign_id

),

-- a twin is no lead of its own, but its fields are read
malformed_leads as (

    select
        'businesses' as source_table,
        lead_id as record_id,
        campaign_id,
        malformed_fields,
        created_at
    from {{ ref('stg_businesses') }}
    union all
    select
        'enhanced_leads' as source_table,
        lead_id as record_id,
        campaign_id,
        malformed_fields,
        created_at
    from {{ ref('stg_enhanced_leads') }}

),

issues as (

    {{ issue(
        'orphan_business', 'error', 'leads',
        where='not has_campaign',
        details="'campaign_id names no campaign'",
    ) }}

    union all

    {{ issue(
        'duplicate_lead', 'warning', 'leads',
        where='duplicate_of is not null',
        details=text_of(["'same business as lead '", 'duplicate_of']),
    ) }}

    union all

    {{ issue(
        'unknown_status', 'warning', 'leads',
        where="processing_stage not in (
            'discovered', 'enriching', 'enriched', 'validating', 'validated', 'qualified', 'failed'
        )",
        details=text_of(["'processing_stage is '", 'processing_stage']),
    ) }}

    union all

    {{ issue(
        'missing_cost', 'info', 'leads',
        where='computed_cost is null',
        details="'no cost recorded'",
    ) }}

    union all

    {{ issue(
        'negative_cost', 'error', 'leads',
        where='least(discovery_cost, enrichment_cost, validation_cost, total_cost) < 0',
        details=text_of(["'total cost '", "coalesce(cast(computed_cost as " ~ dbt.type_string() ~ "), 'NULL')", "' USD'"]),
    ) }}

    union all

    {{ issue(
        'score_out_of_range', 'warning', 'leads',
        where='confidence_score not between 0 and 100 or data_completeness_score not between 0 and 100',
        details=text_of([
            "'confidence_score '", "coalesce(cast(confidence_score as " ~ dbt.type_string() ~ "), 'NULL')",
            "', data_completeness_score '",
            "coalesce(cast(data_completeness_score as " ~ dbt.type_string() ~ "), 'NULL')",
        ]),
    ) }}

    union all

    {{ issue(
        'malformed_json_field', 'warning', 'malformed_leads',
        where='malformed_fields is not null',
        details='malformed_fields',
    ) }}

    union all

    {{ time_issues('leads') }}

)

select * from issues
