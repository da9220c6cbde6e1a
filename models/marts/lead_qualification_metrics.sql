with leads as (

    select * from {{ ref('int_leads_hourly') }}

),

calls as (

    select
        campaign_id,
        call_date,
        call_hour,
        sum(request_count) as api_calls,
        sum(total_cost) as api_cost
    from {{ ref('int_campaign_usage_hourly') }}
    group by campaign_id, call_date, call_hour

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

),

-- two sides summed side by side, because a full join cannot match NULL campaigns
activity as (

    select
        campaign_id,
        discovered_date as activity_date,
        discovered_hour as activity_hour,
        leads_discovered,
        leads_qualified,
        {{ ratio('confidence_score_sum', 'leads_scored', type='numeric(38, 12)') }} as avg_confidence_score,
        0 as api_calls,
        0 as api_cost
    from leads
    union all
    select
        campaign_id,
        call_date as activity_date,
        call_hour as activity_hour,
        0 as leads_discovered,
        0 as leads_qualified,
        null as avg_confidence_score,
        api_calls,
        api_cost
    from calls

),

hourly as (

    select
        campaign_id,
        activity_date,
        activity_hour,
        cast(sum(leads_discovered) as {{ dbt.type_bigint() }}) as total_leads_discovered,
        cast(sum(leads_qualified) as {{ dbt.type_bigint() }}) as leads_qualified,
        max(avg_confidence_score) as avg_confidence_score,
        cast(sum(api_calls) as {{ dbt.type_bigint() }}) as total_api_calls,
        coalesce(sum(api_cost), 0) as total_api_cost
    from activity
    group by campaign_id, activity_date, activity_hour

)

select
    {{ hash_uuid(['hourly.campaign_id', date_text('hourly.activity_date'), 'hourly.activity_hour']) }} as id,
    hourly.campaign_id,
    campaigns.user_id,
    hourly.total_leads_discovered,
    hourly.leads_qualified,
    {{ ratio('hourly.leads_qualified', 'hourly.total_leads_discovered', type='numeric(5, 4)') }} as qualification_rate,
    cast(hourly.avg_confidence_score as numeric(5, 2)) as avg_confidence_score,
    hourly.total_api_calls,
    cast(hourly.total_api_cost as {{ type_shown_money() }}) as total_api_cost,
    {{ cast_or_null(
        ratio('hourly.total_api_cost', 'hourly.leads_qualified', type='numeric(38, 12)'), 12, 4
    ) }} as cost_per_qualified_lead,
    {{ roi_percentage('hourly.leads_qualified', 'hourly.total_api_cost') }} as roi_percentage,
    hourly.activity_date as date,
    hourly.activity_hour as hour,
    {{ hour_start('hourly.activity_date', 'hourly.activity_hour') }} as created_at
from hourly
left join campaigns
    on hourly.campaign_id = campaigns.campaign_id
