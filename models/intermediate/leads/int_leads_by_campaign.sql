-- One row per campaign_id that a lead names, whether or not the campaign exists.
with hourly as (

    select * from {{ ref('int_leads_hourly') }}

),

by_campaign as (

    select
        campaign_id,
        {%- for column, total in {
            'leads_discovered': 'total_leads', 'leads_qualified': 'qualified_leads', 'leads_exported': 'exported_leads',
            'leads_failed': 'failed_leads', 'grade_a_leads': 'grade_a_leads', 'grade_b_leads': 'grade_b_leads',
            'grade_c_leads': 'grade_c_leads', 'grade_d_leads': 'grade_d_leads', 'grade_f_leads': 'grade_f_leads',
            'leads_with_email': 'leads_with_email', 'total_emails': 'total_emails',
            'deliverable_emails': 'deliverable_emails', 'leads_with_social_profile': 'leads_with_social_profile',
        }.items() %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ total }},
        {%- endfor %}
        {{ ratio('sum(confidence_score_sum)', 'sum(leads_scored)', type='numeric(38, 12)') }} as avg_confidence_score,
        cast(sum(lead_cost) as {{ type_money() }}) as total_cost,
        min(first_lead_at) as first_lead_at,
        max(last_lead_at) as last_lead_at
    from hourly
    group by campaign_id

)

select * from by_campaign
