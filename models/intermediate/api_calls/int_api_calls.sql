-- One row per real API call, each counted once; a recorded hourly sum that neither log covers is one row that stands
-- for request_count calls, and so is what is left of the calls of a deleted campaign.
with counted as (

    select * from {{ ref('int_api_counted_records') }}

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

),

of_source as (

    select
        counted.source_table,
        counted.record_id,
        counted.paired_record_id,
        counted.campaign_id,
        coalesce(counted.user_id, campaigns.user_id) as user_id,
        counted.lead_id,
        counted.api_service,
        counted.endpoint,
        counted.error_message,
        counted.request_count,
        counted.success_count,
        counted.error_count,
        counted.cost,
        counted.list_cost,
        counted.response_time_ms,
        counted.http_status_code,
        counted.rate_limit_remaining,
        counted.call_credits_used as credits_used,
        counted.is_cost_estimated,
        counted.campaign_id is not null and campaigns.campaign_id is null as is_campaign_deleted,
        {{ local_date('counted.created_at') }} as call_date,
        {{ local_hour('counted.created_at') }} as call_hour,
        counted.created_at
    from counted
    left join campaigns
        on counted.campaign_id = campaigns.campaign_id

),

of_deleted_campaigns as (

    select
        deleted.source_table,
        {{ hash_uuid([
            'deleted.source_table', 'deleted.block_start', 'deleted.call_hour', 'deleted.campaign_id', 'deleted.user_id',
            'deleted.api_service', 'deleted.endpoint'
        ]) }} as record_id,
        cast(null as {{ type_uuid() }}) as paired_record_id,
        deleted.campaign_id,
        deleted.user_id,
        cast(null as {{ type_uuid() }}) as lead_id,
        deleted.api_service,
        deleted.endpoint,
        cast(null as {{ dbt.type_string() }}) as error_message,
        cast(deleted.request_count as integer) as request_count,
        cast(deleted.success_count as integer) as success_count,
        cast(deleted.error_count as integer) as error_count,
        deleted.cost,
        deleted.list_cost,
        cast(null as integer) as response_time_ms,
        cast(null as integer) as http_status_code,
        cast(null as integer) as rate_limit_remaining,
        cast(deleted.credits_used as integer) as credits_used,
        deleted.estimated_cost <> 0 as is_cost_estimated,
        true as is_campaign_deleted,
        deleted.call_date,
        deleted.call_hour,
        deleted.last_seen_at as created_at
    from {{ ref('int_deleted_campaign_calls') }} as deleted
    left join campaigns
        on deleted.campaign_id = campaigns.campaign_id
    where deleted.is_counted and campaigns.campaign_id is null

)

select * from of_source
union all
select * from of_deleted_campaigns
