with usage as (

    select
        api_service,
        endpoint,
        sum(request_count) as calls,
        coalesce(sum(total_cost), 0) as total_cost,
        sum(error_count) as errors
    from {{ ref('api_cost_tracking') }}
    where
        date > {{ days_later(local_date('current_timestamp'), -30) }}
        and date <= {{ local_date('current_timestamp') }}
    group by api_service, endpoint

)

select
    api_service,
    endpoint,
    calls,
    cast(total_cost as {{ type_money() }}) as total_cost,
    {{ percentage('total_cost', 'sum(total_cost) over ()') }} as share_of_spend_percentage,
    {{ ratio('total_cost', 'calls') }} as cost_per_call,
    {{ percentage('errors', 'calls') }} as error_percentage
from usage
order by total_cost desc, api_service asc, endpoint asc
