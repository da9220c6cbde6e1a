-- One row per user and date with a call, plus today's row for every user with settings. Calls of no known user have
-- user_id NULL.
with calls as (

    select * from {{ ref('int_api_calls') }}

),

settings as (

    select * from {{ ref('stg_user_settings') }}

),

spend as (

    select
        user_id,
        call_date as spend_date,
        cost
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
