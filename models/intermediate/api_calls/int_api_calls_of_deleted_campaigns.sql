-- One row per sum of calls that the application has deleted with their campaign, in the form of int_api_calls.
with deleted as (

    select * from {{ ref('int_deleted_campaign_calls') }}

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

)

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
from deleted
left join campaigns
    on deleted.campaign_id = campaigns.campaign_id
where deleted.is_counted and campaigns.campaign_id is null
