-- One row per user and date with a call, plus today's row for every user with settings. Calls of no known user have
-- user_id NULL.
with calls as (

    select
        coalesce(hourly.user_id, campaigns.user_id) as user_id,
        hourly.call_date,
        hourly.total_cost
    from {{ ref('int_campaign_usage_hourly') }} as hourly
    left join {{ ref('stg_campaigns') }} as campaigns
        on hourly.campaign_id = campaigns.campaign_id

),

settings as (

    select * from {{ ref('stg_user_settings') }}

),

spend as (

    select
        user_id,
        call_date as spend_date,
        total_cost as cost
    from calls
    union all
    select
        user_id,
        {{ local_date('current_timestamp') }} as spend_date,
        0 as cost
    from settings

),

daily as (

    select
        user_id,
        spend_date,
        cast(coalesce(sum(cost), 0) as {{ type_money() }}) as spend
    from spend
    group by user_id, spend_date

)

select * from daily
