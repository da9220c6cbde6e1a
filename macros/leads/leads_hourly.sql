{# Leads by campaign, date and hour of discovery, from those rows of `leads` that `where` lets through. #}
{% macro leads_hourly(leads='leads', where='true') -%}
    select
        campaign_id,
        discovered_date,
        discovered_hour,
        count(*) as leads_discovered,
        count(case when is_qualified then 1 end) as leads_qualified,
        count(case when export_status = 'exported' then 1 end) as leads_exported,
        count(case when processing_stage = 'failed' then 1 end) as leads_failed,
        cast(sum(total_cost) as {{ type_money() }}) as lead_cost,
        cast(sum(confidence_score) as {{ dbt.type_bigint() }}) as confidence_score_sum,
        count(confidence_score) as leads_scored,
        {%- for grade in ['a', 'b', 'c', 'd', 'f'] %}
        count(case when grade = '{{ grade | upper }}' then 1 end) as grade_{{ grade }}_leads,
        {%- endfor %}
        count(best_email) as leads_with_email,
        cast(sum(email_count) as {{ dbt.type_bigint() }}) as total_emails,
        cast(sum(deliverable_email_count) as {{ dbt.type_bigint() }}) as deliverable_emails,
        count(case when social_profile_count > 0 then 1 end) as leads_with_social_profile,
        min(created_at) as first_lead_at,
        max(created_at) as last_lead_at,
        cast(max(campaign_qualification_score) as {{ type_money() }}) as campaign_qualification_score
    from {{ leads }}
    where {{ where }}
    group by campaign_id, discovered_date, discovered_hour
{%- endmacro %}


{# Hours whose leads were judged by a score that their campaign has no longer. #}
{% macro hours_judged_otherwise() -%}
    select tstzrange(rollup.hour_start, rollup.hour_start + interval '1 hour') as range
    from (
        select *, {{ hour_start('discovered_date', 'discovered_hour') }} as hour_start from {{ this }}
    ) as rollup
    left join {{ ref('stg_campaigns') }} as campaigns
        on rollup.campaign_id = campaigns.campaign_id
    where rollup.campaign_qualification_score is distinct from campaigns.qualification_score
{%- endmacro %}
