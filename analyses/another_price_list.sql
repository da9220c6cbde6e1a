with usage as (

    select
        api_service,
        endpoint,
        sum(request_count) as calls,
        coalesce(sum(total_cost), 0) as paid
    from {{ ref('api_cost_tracking') }}
    where
        date > {{ days_later(local_date('current_timestamp'), -30) }}
        and date <= {{ local_date('current_timestamp') }}
    group by api_service, endpoint

),

-- Write the other prices here, in USD per call. What is not listed stays at what was paid.
other_prices as (

    select
        'hunter_io' as api_service,
        'domain_search' as endpoint,
        0.049 as price
    union all
    select
        'google_places' as api_service,
        'text_search' as endpoint,
        0.040 as price

),

priced as (

    select
        usage.*,
        coalesce(usage.calls * other_prices.price, usage.paid) as at_other_prices
    from usage
    left join other_prices
        on usage.api_service = other_prices.api_service and usage.endpoint = other_prices.endpoint

)

select
    api_service,
    endpoint,
    calls,
    cast(paid as {{ type_money() }}) as paid,
    cast(at_other_prices as {{ type_money() }}) as at_other_prices,
    cast(at_other_prices - paid as {{ type_money() }}) as difference,
    cast(sum(at_other_prices - paid) over () as {{ type_money() }}) as difference_of_all
from priced
order by at_other_prices - paid asc, api_service asc, endpoint asc
