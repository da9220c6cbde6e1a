with hours as (

    select
        *,
        {{ dbt.date_trunc('month', 'health_date') }} as health_month
    from {{ ref('int_service_hours') }}

),

services as (

    select * from {{ ref('api_services') }}

),

running as (

    select
        hours.*,
        sum(hours.requests) over day_so_far as requests_today,
        sum(hours.cost) over day_so_far as cost_today,
        sum(hours.cost) over month_so_far as cost_this_month,
        max(hours.last_successful_call) over history as last_successful_call_so_far,
        count(hours.recorded_budget_remaining) over history as recorded_budgets_so_far,
        -- a call dated in the future must not pass for the present
        row_number() over (
            partition by hours.api_service
            order by case when hours.hour_start <= current_timestamp then 0 else 1 end asc, hours.hour_start desc
        ) as recency
    from hours
    window
        day_so_far as (partition by hours.api_service, hours.health_date order by hours.hour_start),
        month_so_far as (partition by hours.api_service, hours.health_month order by hours.hour_start),
        history as (partition by hours.api_service order by hours.hour_start)

)

select
    running.api_service as service_name,
    running.hour_start,
    running.status,
    running.response_time_ms,
    running.p95_response_time_ms,
    running.error_rate,
    running.rate_limit_remaining,
    cast(running.requests as {{ dbt.type_bigint() }}) as requests,
    cast(running.cost as {{ type_shown_money() }}) as cost,
    cast(
        coalesce(
            services.monthly_budget_usd - running.cost_this_month,
            max(running.recorded_budget_remaining) over (
                partition by running.api_service, running.recorded_budgets_so_far
            )
        ) as {{ type_shown_money() }}
    ) as cost_budget_remaining,
    cast(running.requests_today as {{ dbt.type_bigint() }}) as requests_today,
    cast(running.cost_today as {{ type_shown_money() }}) as cost_today,
    running.last_successful_call_so_far as last_successful_call,
    running.last_error,
    running.last_seen_at as "timestamp",
    running.recency = 1 as is_latest,
    running.origin
from running
left join services
    on running.api_service = services.api_service
