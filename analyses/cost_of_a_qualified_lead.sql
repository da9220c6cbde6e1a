-- The two effects add up to the change: what a lead cost then and now, for as many leads as it took then to find a
-- qualified one, and how many it takes now, at what they cost now.
with days as (

    select * from {{ ref('campaign_performance_daily') }}

),

weeks as (

    select
        cast({{ dbt.date_trunc('week', 'date') }} as date) as week_start,
        sum(leads_qualified) as qualified_leads,
        sum(lead_cost) as lead_cost,
        sum(lead_cost) / nullif(sum(leads_discovered), 0) as cost_per_lead,
        sum(leads_discovered) / nullif(sum(leads_qualified), 0) as leads_per_qualified_lead
    from days
    group by cast({{ dbt.date_trunc('week', 'date') }} as date)

),

last_week as (

    select *
    from weeks
    where week_start = {{ dbt.date_trunc('week', days_later(local_date('current_timestamp'), -7)) }}

)

select
    last_week.week_start,
    last_week.qualified_leads,
    cast(last_week.cost_per_lead * last_week.leads_per_qualified_lead as {{ type_money() }}) as cost_per_qualified_lead,
    cast(
        week_before.cost_per_lead * week_before.leads_per_qualified_lead as {{ type_money() }}
    ) as cost_the_week_before,
    cast(
        (last_week.cost_per_lead - week_before.cost_per_lead) * week_before.leads_per_qualified_lead
        as {{ type_money() }}
    ) as change_by_cost_of_leads,
    cast(
        last_week.cost_per_lead * (last_week.leads_per_qualified_lead - week_before.leads_per_qualified_lead)
        as {{ type_money() }}
    ) as change_by_share_qualified
from last_week
left join weeks as week_before
    on week_before.week_start = {{ days_later('last_week.week_start', -7) }}
