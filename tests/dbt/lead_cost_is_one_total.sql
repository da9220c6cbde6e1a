-- What leads cost is what the source says they cost.
with source_leads as (

    select
        total_cost,
        discovery_cost,
        enrichment_cost,
        validation_cost
    from {{ ref('stg_businesses') }}
    union all
    select
        total_cost,
        discovery_cost,
        enrichment_cost,
        validation_cost
    from {{ ref('stg_enhanced_leads') }}
    where lead_id not in (select businesses.lead_id from {{ ref('stg_businesses') }} as businesses)

),

totals as (

    select
        (
            select
                coalesce(
                    sum(
                        coalesce(
                            total_cost,
                            coalesce(discovery_cost, 0)
                            + coalesce(enrichment_cost, 0)
                            + coalesce(validation_cost, 0)
                        )
                    ),
                    0
                )
            from source_leads
        ) as source_cost,
        (select coalesce(sum(total_cost), 0) from {{ ref('enhanced_leads') }})
        + {{ rounded_away(ref('int_leads'), 'total_cost') }} as lead_rows,
        (select coalesce(sum(lead_cost), 0) from {{ ref('int_leads_hourly') }}) as hourly

)

select *
from totals
where
    source_cost is distinct from lead_rows
    or source_cost is distinct from hourly
