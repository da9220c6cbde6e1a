-- One row per campaign, date and hour in which a lead was found. Qualified counts the leads found in that hour.
with leads as (

    select * from {{ ref('int_leads') }}

),

hourly as (

    select
        campaign_id,
        discovered_date,
        discovered_hour,
        count(*) as leads_discovered,
        cast(sum(case when is_qualified then 1 else 0 end) as {{ dbt.type_bigint() }}) as leads_qualified,
        cast(sum(total_cost) as {{ type_money() }}) as lead_cost,
        cast(avg(confidence_score) as {{ type_ratio() }}) as avg_confidence_score
    from leads
    group by campaign_id, discovered_date, discovered_hour

)

select * from hourly
