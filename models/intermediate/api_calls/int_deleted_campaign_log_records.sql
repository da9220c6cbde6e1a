-- Records that api_usage_log has kept of deleted campaigns, whose calls int_deleted_campaign_calls has.
with deleted as (

    select * from {{ ref('int_deleted_campaign_calls') }}

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

),

records as (

    select log_records.record_id
    from deleted
    cross join lateral {{ unnest('deleted.log_record_ids') }} as log_records (record_id)
    left join campaigns
        on deleted.campaign_id = campaigns.campaign_id
    where campaigns.campaign_id is null

)

select distinct record_id from records
