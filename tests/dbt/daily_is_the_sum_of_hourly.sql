-- A cost is rounded once for each hour, and once for the day.
with hourly as (

    select
        campaign_id,
        date,
        count(*) as hour_count,
        sum(total_leads_discovered) as leads_discovered,
        sum(leads_qualified) as leads_qualified,
        sum(total_api_calls) as api_calls,
        sum(total_api_cost) as api_cost
    from {{ ref('lead_qualification_metrics') }}
    group by campaign_id, date

),

daily as (

    select * from {{ ref('campaign_performance_daily') }}

),

-- summed side by side, because a full join cannot match NULL campaigns
unioned as (

    select
        campaign_id,
        date,
        1 as sides,
        hour_count,
        leads_discovered,
        leads_qualified,
        api_calls,
        api_cost
    from hourly
    union all
    select
        campaign_id,
        date,
        -1 as sides,
        0 as hour_count,
        -leads_discovered as leads_discovered,
        -leads_qualified as leads_qualified,
        -api_calls as api_calls,
        -api_cost as api_cost
    from daily

)

select
    campaign_id,
    date
from unioned
group by campaign_id, date
having
    sum(sides) <> 0
    or sum(leads_discovered) <> 0
    or sum(leads_qualified) <> 0
    or sum(api_calls) <> 0
    or abs(sum(api_cost)) > 0.00005 * (sum(hour_count) + 1)
