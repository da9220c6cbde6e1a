-- A day without a list price has nothing to be compared with.
select
    api_service,
    sum(total_requests) as calls,
    sum(total_cost) as paid,
    sum(list_cost) as list_cost,
    sum(cost_variance) as above_list,
    {{ percentage('sum(cost_variance)', 'sum(list_cost)') }} as above_list_percentage
from {{ ref('api_service_breakdown') }}
where
    date > {{ days_later(local_date('current_timestamp'), -30) }}
    and date <= {{ local_date('current_timestamp') }}
    and cost_variance is not null
group by api_service
order by above_list desc, api_service asc
