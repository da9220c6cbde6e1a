-- The records of the logs that are calls: each call once.
with records as (

    select
        *,
        {{ utc_hour('created_at') }} as utc_hour
    from {{ ref('int_api_paired_records') }}

),

logged_hours as (

    select distinct
        pairing_key,
        utc_hour
    from records
    where source_table in ('api_usage', 'api_usage_log')

),

calls as (

    {{ counted_api_records('records', 'logged_hours') }}

)

select * from calls
