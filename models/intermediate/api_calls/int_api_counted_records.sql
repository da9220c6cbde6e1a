-- The records of the logs that are calls: each call once.
with records as (

    select
        *,
        {{ utc_hour('created_at') }} as utc_hour
    from {{ ref('int_api_paired_records') }}

),

calls as (

    {{ counted_api_records('records') }}

)

select * from calls
