-- One row per campaign_id that a lead names, whether or not the campaign exists.
with leads as (

    select * from {{ ref('int_leads') }}

),

by_campaign as (

    select
        campaign_id,
        count(*) as total_leads,
        count(case when is_qualified then 1 end) as qualified_leads,
        count(case when export_status = 'exported' then 1 end) as exported_leads,
        count(case when processing_stage = 'failed' then 1 end) as failed_leads,
        cast(avg(confidence_score) as {{ type_ratio() }}) as avg_confidence_score,
        {%- for grade in ['a', 'b', 'c', 'd', 'f'] %}
        count(case when grade = '{{ grade | upper }}' then 1 end) as grade_{{ grade }}_leads,
        {%- endfor %}
        count(best_email) as leads_with_email,
        cast(sum(email_count) as {{ dbt.type_bigint() }}) as total_emails,
        cast(sum(deliverable_email_count) as {{ dbt.type_bigint() }}) as deliverable_emails,
        count(case when social_profile_count > 0 then 1 end) as leads_with_social_profile,
        cast(sum(total_cost) as {{ type_money() }}) as total_cost,
        min(created_at) as first_lead_at,
        max(created_at) as last_lead_at
    from leads
    group by campaign_id

)

select * from by_campaign
