with leads as (

    select
        campaign_id,
        discovered_date as activity_date,
        sum(leads_discovered) as leads_discovered,
        sum(leads_qualified) as leads_qualified,
        sum(lead_cost) as lead_cost
    from {{ ref('int_leads_hourly') }}
    group by campaign_id, discovered_date

),

calls as (

    select
        campaign_id,
        call_date as activity_date,
        sum(request_count) as api_calls,
        sum(total_cost) as api_cost,
        sum(error_count) as api_errors
    from {{ ref('int_campaign_usage_hourly') }}
    group by campaign_id, call_date

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

),

activity as (

    select
        campaign_id,
        activity_date,
        leads_discovered,
        leads_qualified,
        lead_cost,
        0 as api_calls,
        0 as api_cost,
        0 as api_errors
    from leads
    union all
    select
        campaign_id,
        activity_date,
        0 as leads_discovered,
        0 as leads_qualified,
        0 as lead_cost,
        api_calls,
        api_cost,
        api_errors
    from calls

),

daily as (

    select
        campaign_id,
        activity_date,
        cast(sum(leads_discovered) as {{ dbt.type_bigint() }}) as leads_discovered,
        cast(sum(leads_qualified) as {{ dbt.type_bigint() }}) as leads_qualified,
        coalesce(sum(lead_cost), 0) as lead_cost,
        cast(sum(api_calls) as {{ dbt.type_bigint() }}) as api_calls,
        coalesce(sum(api_cost), 0) as api_cost,
        cast(sum(api_errors) as {{ dbt.type_bigint() }}) as api_errors
    from activity
    group by campaign_id, activity_date

),

cumulated as (

    select
        *,
        sum(leads_discovered) over campaign_so_far as cumulative_leads,
        sum(lead_cost) over campaign_so_far as cumulative_lead_cost,
        sum(api_cost) over campaign_so_far as cumulative_api_cost
    from daily
    window campaign_so_far as (partition by campaign_id order by activity_date)

)

select
    cumulated.campaign_id,
    campaigns.user_id,
    cumulated.activity_date as date,
    cumulated.leads_discovered,
    cumulated.leads_qualified,
    {{ ratio('cumulated.leads_qualified', 'cumulated.leads_discovered') }} as qualification_rate,
    cast(cumulated.lead_cost as {{ type_shown_money() }}) as lead_cost,
    cumulated.api_calls,
    cast(cumulated.api_cost as {{ type_shown_money() }}) as api_cost,
    cumulated.api_errors,
    cast(cumulated.cumulative_leads as {{ dbt.type_bigint() }}) as cumulative_leads,
    cast(cumulated.cumulative_lead_cost as {{ type_shown_money() }}) as cumulative_lead_cost,
    cast(cumulated.cumulative_api_cost as {{ type_shown_money() }}) as cumulative_api_cost,
    {{ percentage('cumulated.cumulative_lead_cost', 'campaigns.budget_limit') }} as budget_utilization_percentage
from cumulated
left join campaigns
    on cumulated.campaign_id = campaigns.campaign_id
