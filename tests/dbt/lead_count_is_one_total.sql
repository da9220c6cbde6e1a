-- Every lead of the source is in each mart exactly once; the campaign mart lacks only leads whose campaign is gone.
with leads as (

    select
        lead_id,
        campaign_id
    from {{ ref('stg_businesses') }}
    union
    select
        lead_id,
        campaign_id
    from {{ ref('stg_enhanced_leads') }}
    where lead_id not in (select businesses.lead_id from {{ ref('stg_businesses') }} as businesses)

),

totals as (

    select
        (select count(*) from leads) as source_leads,
        (select count(*) from {{ ref('enhanced_leads') }}) as lead_rows,
        (select coalesce(sum(total_leads_discovered), 0) from {{ ref('lead_qualification_metrics') }}) as hourly,
        (select coalesce(sum(total_leads), 0) from {{ ref('campaign_analytics') }})
        + (
            select count(*)
            from leads
            left join {{ ref('stg_campaigns') }} as campaigns
                on leads.campaign_id = campaigns.campaign_id
            where campaigns.campaign_id is null
        ) as by_campaign

)

select *
from totals
where
    source_leads is distinct from lead_rows
    or source_leads is distinct from hourly
    or source_leads is distinct from by_campaign
