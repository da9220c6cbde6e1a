-- The records of the logs that are calls: each call once. DECISIONS.md, "Which log wins", has the rules.
with records as (

    select * from {{ ref('int_api_paired_records') }}

),

usage_calls as (

    select
        records.*,
        second_records.credits_used as call_credits_used
    from records
    left join records as second_records
        on
            records.paired_record_id = second_records.record_id
            and second_records.source_table = 'api_usage_log'
    where records.source_table = 'api_usage'

),

log_only_calls as (

    select
        records.*,
        records.credits_used as call_credits_used
    from records
    where records.source_table = 'api_usage_log' and records.paired_record_id is null

),

logged_hours as (

    select distinct
        pairing_key,
        {{ utc_hour('created_at') }} as hour_start
    from records
    where source_table in ('api_usage', 'api_usage_log')

),

tracking_only_calls as (

    select
        records.*,
        records.credits_used as call_credits_used
    from records
    left join logged_hours
        on
            records.pairing_key = logged_hours.pairing_key
            and {{ utc_hour('records.created_at') }} = logged_hours.hour_start
    where records.source_table = 'api_cost_tracking' and logged_hours.pairing_key is null

),

calls as (

    select * from usage_calls
    union all
    select * from log_only_calls
    union all
    select * from tracking_only_calls

)

select * from calls
