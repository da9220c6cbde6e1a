with daily as (

    select
        *,
        cast({{ dbt.date_trunc('month', 'spend_date') }} as date) as spend_month
    from {{ ref('int_user_spend_daily') }}

),

settings as (

    select * from {{ ref('stg_user_settings') }}

),

to_date as (

    select
        daily.*,
        sum(daily.spend) over (
            partition by daily.user_id, daily.spend_month order by daily.spend_date
        ) as month_to_date_spend,
        cast(extract(day from daily.spend_date) as integer) as day_of_month,
        cast(extract(day from {{ dbt.last_day('daily.spend_date', 'month') }}) as integer) as days_in_month
    from daily

),

utilized as (

    select
        to_date.*,
        settings.daily_budget_limit,
        settings.monthly_budget_limit,
        {{ percentage('to_date.spend', 'settings.daily_budget_limit') }} as daily_utilization_percentage,
        {{ percentage('to_date.month_to_date_spend', 'settings.monthly_budget_limit') }}
            as monthly_utilization_percentage,
        coalesce(settings.budget_alert_threshold, {{ var('default_budget_alert_threshold') }}) as alert_threshold
    from to_date
    left join settings
        on to_date.user_id = settings.user_id

)

select
    user_id,
    spend_date as date,
    cast(spend as {{ type_shown_money() }}) as spend,
    cast(daily_budget_limit as {{ type_shown_money() }}) as daily_budget_limit,
    daily_utilization_percentage,
    cast(month_to_date_spend as {{ type_shown_money() }}) as month_to_date_spend,
    cast(monthly_budget_limit as {{ type_shown_money() }}) as monthly_budget_limit,
    monthly_utilization_percentage,
    {{ ratio('month_to_date_spend * days_in_month', 'day_of_month', type=type_shown_money()) }}
        as projected_month_spend,
    {{ alert_level() }} as alert_level
from utilized
