with leads as (

    select
        *,
        case
            when duplicate_of is not null then 'duplicate'
            when is_qualified then 'qualified'
            when processing_stage = 'failed' then 'failed'
            else 'not qualified'
        end as outcome
    from {{ ref('enhanced_leads') }}

)

select
    outcome,
    count(*) as leads,
    coalesce(sum(total_cost), 0) as total_cost,
    {{ percentage('coalesce(sum(total_cost), 0)', 'sum(sum(total_cost)) over ()') }} as share_of_cost_percentage
from leads
group by outcome
order by total_cost desc, outcome asc
