with campaigns as (

    select * from {{ ref('stg_campaigns') }}

),

leads as (

    select * from {{ ref('int_leads_by_campaign') }}

),

calls as (

    select * from {{ ref('int_api_calls_by_campaign') }}

),

ratings as (

    select
        efficiency_rating,
        min_cost_usd,
        min_cost_usd = min(min_cost_usd) over () as is_lowest,
        lead(min_cost_usd) over (order by min_cost_usd) as next_min_cost_usd
    from {{ ref('efficiency_ratings') }}

),

counted as (

    select
        campaigns.*,
        {%- for column in [
            'total_leads', 'qualified_leads', 'exported_leads', 'failed_leads',
            'grade_a_leads', 'grade_b_leads', 'grade_c_leads', 'grade_d_leads', 'grade_f_leads',
            'leads_with_email', 'total_emails', 'deliverable_emails', 'leads_with_social_profile', 'total_cost',
        ] %}
        coalesce(leads.{{ column }}, 0) as {{ column }},
        {%- endfor %}
        leads.avg_confidence_score,
        leads.first_lead_at,
        leads.last_lead_at,
        coalesce(calls.total_api_calls, 0) as total_api_calls,
        coalesce(calls.total_api_cost, 0) as total_api_cost,
        {{ ratio('calls.success_count', 'calls.total_api_calls') }} as api_success_rate,
        calls.avg_response_time_ms,
        {{ ratio('coalesce(leads.total_cost, 0)', 'leads.qualified_leads', type='numeric(28, 12)') }}
            as cost_per_qualified_lead
    from campaigns
    left join leads
        on campaigns.campaign_id = leads.campaign_id
    left join calls
        on campaigns.campaign_id = calls.campaign_id

)

select
    counted.campaign_id,
    counted.user_id,
    counted.campaign_name,
    counted.business_type,
    counted.location,
    counted.status,
    counted.created_at,
    counted.completed_at,
    cast(counted.budget_limit as {{ type_shown_money() }}) as budget_limit,
    counted.lead_target,
    counted.total_leads,
    counted.qualified_leads,
    counted.exported_leads,
    counted.failed_leads,
    {{ ratio('counted.qualified_leads', 'counted.total_leads') }} as qualification_rate,
    cast(counted.avg_confidence_score as numeric(5, 2)) as avg_confidence_score,
    counted.grade_a_leads,
    counted.grade_b_leads,
    counted.grade_c_leads,
    counted.grade_d_leads,
    counted.grade_f_leads,
    counted.leads_with_email,
    counted.total_emails,
    counted.deliverable_emails,
    {{ ratio('counted.deliverable_emails', 'counted.total_emails') }} as email_verification_rate,
    counted.leads_with_social_profile,
    {{ cast_or_null('counted.total_cost', 12, 4) }} as total_cost,
    counted.total_api_calls,
    {{ cast_or_null('counted.total_api_cost', 12, 4) }} as total_api_cost,
    counted.api_success_rate,
    counted.avg_response_time_ms,
    {{ cast_or_null(
        ratio('counted.total_cost', 'counted.total_leads', type='numeric(38, 12)'), 12, 4
    ) }} as cost_per_lead,
    {{ cast_or_null('counted.cost_per_qualified_lead', 12, 4) }} as cost_per_qualified_lead,
    {{ roi_percentage('counted.qualified_leads', 'counted.total_cost') }} as roi_percentage,
    {{ efficiency_score('counted.cost_per_qualified_lead') }} as efficiency_score,
    ratings.efficiency_rating,
    {{ percentage('counted.total_cost', 'counted.budget_limit') }} as budget_utilization_percentage,
    cast(counted.recorded_cost as {{ type_shown_money() }}) as recorded_cost,
    cast(counted.recorded_cost - counted.total_cost as {{ type_shown_money() }}) as cost_drift,
    counted.first_lead_at,
    counted.last_lead_at
from counted
left join ratings
    on
        (counted.cost_per_qualified_lead >= ratings.min_cost_usd or ratings.is_lowest)
        and (ratings.next_min_cost_usd is null or counted.cost_per_qualified_lead < ratings.next_min_cost_usd)
