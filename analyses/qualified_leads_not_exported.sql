with waiting as (

    select
        campaign_id,
        count(*) as leads,
        min(created_at) as oldest_lead_at
    from {{ ref('enhanced_leads') }}
    where is_qualified and export_status = 'pending' and duplicate_of is null
    group by campaign_id

),

campaigns as (

    select * from {{ ref('campaign_analytics') }}

)

select
    campaigns.campaign_name,
    campaigns.status,
    waiting.leads,
    cast(waiting.leads * {{ var('qualified_lead_value_usd') }} as {{ type_money() }}) as value_usd,
    waiting.oldest_lead_at
from waiting
left join campaigns
    on waiting.campaign_id = campaigns.campaign_id
order by waiting.leads desc, waiting.campaign_id asc
