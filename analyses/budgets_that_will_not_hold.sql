-- A budget that is exceeded has the day on which it was; another one the day on which it will be, at this month's pace.
with days as (

    select
        *,
        cast({{ dbt.date_trunc('month', 'date') }} as date) as month_start,
        extract(day from date) as day_of_month
    from {{ ref('budget_status') }}

),

today as (

    select
        *,
        cast(
            floor((monthly_budget_limit - month_to_date_spend) / (nullif(month_to_date_spend, 0) / day_of_month)) + 1
            as integer
        ) as days_left
    from days
    where date = {{ local_date('current_timestamp') }} and projected_month_spend > monthly_budget_limit

),

exceeded as (

    select
        user_id,
        month_start,
        min(date) as exceeded_on
    from days
    where month_to_date_spend > monthly_budget_limit
    group by user_id, month_start

)

select
    today.user_id,
    today.month_to_date_spend,
    today.monthly_budget_limit,
    today.projected_month_spend,
    coalesce(exceeded.exceeded_on, {{ days_later('today.date', 'today.days_left') }}) as exceeded_on
from today
left join exceeded
    on today.user_id = exceeded.user_id and today.month_start = exceeded.month_start
order by exceeded_on asc, today.projected_month_spend - today.monthly_budget_limit desc
