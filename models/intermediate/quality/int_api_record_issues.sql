with records as (

    select
        records.*,
        records.campaign_id is not null and campaigns.campaign_id is null as is_campaign_gone,
        records.lead_id is not null and leads.lead_id is null as is_lead_gone
    from {{ ref('int_api_records') }} as records
    left join {{ ref('stg_campaigns') }} as campaigns
        on records.campaign_id = campaigns.campaign_id
    left join {{ ref('int_leads_unioned') }} as leads
        on records.lead_id = leads.lead_id

),

issues as (

    {{ issue(
        'orphan_api_call',
        "case when is_campaign_gone or is_lead_gone then 'warning' else 'info' end",
        'records',
        where='is_campaign_gone or is_lead_gone or campaign_id is null',
        details="case
            when is_campaign_gone then 'campaign_id names no campaign'
            when is_lead_gone then 'business_id names no lead'
            else 'no campaign_id'
        end",
    ) }}

    union all

    {{ issue(
        'unknown_service', 'warning', 'records',
        where='not is_service_known',
        details=text_of(["'service is '", "coalesce(recorded_service, 'NULL')"]),
    ) }}

    union all

    {{ issue(
        'missing_cost', 'info', 'records',
        where='recorded_cost is null',
        details="case when is_cost_estimated then 'priced from the list' else 'no list price either' end",
    ) }}

    union all

    {{ issue(
        'negative_cost', 'error', 'records',
        where='recorded_cost < 0',
        details=text_of(["'cost '", 'recorded_cost', "' USD'"]),
    ) }}

    union all

    {{ time_issues('records') }}

)

select * from issues
