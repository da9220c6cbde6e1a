with hourly as (

    select
        campaign_id,
        date,
        cast(sum(total_leads_discovered) as {{ dbt.type_bigint() }}) as leads_discovered,
        cast(sum(leads_qualified) as {{ dbt.type_bigint() }}) as leads_qualified,
        cast(sum(total_api_calls) as {{ dbt.type_bigint() }}) as api_calls,
        cast(sum(total_api_cost) as {{ type_money() }}) as api_cost
    from {{ ref('lead_qualification_metrics') }}
    group by campaign_id, date

),

daily as (

    select
        campaign_id,
        date,
        leads_discovered,
        leads_qualified,
        api_calls,
        api_cost
    from {{ ref('campaign_performance_daily') }}

)

(
    select * from hourly
    except
    select * from daily
)
union all
(
    select * from daily
    except
    select * from hourly
)
