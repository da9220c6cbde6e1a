-- One row per sum of calls that the application has deleted with their campaign, in the form of int_api_calls.
with deleted as (

    select * from {{ ref('int_deleted_campaign_blocks') }}

)

select
    source_table,
    {{ hash_uuid([
        'source_table', 'block_start', 'call_hour', 'campaign_id', 'user_id',
        'api_service', 'endpoint'
    ]) }} as record_id,
    cast(null as {{ type_uuid() }}) as paired_record_id,
    campaign_id,
    user_id,
    cast(null as {{ type_uuid() }}) as lead_id,
    api_service,
    endpoint,
    cast(null as {{ dbt.type_string() }}) as error_message,
    request_count,
    success_count,
    error_count,
    cost,
    list_cost,
    cast(null as integer) as response_time_ms,
    cast(null as integer) as http_status_code,
    cast(null as integer) as rate_limit_remaining,
    credits_used,
    estimated_cost <> 0 as is_cost_estimated,
    true as is_campaign_deleted,
    call_date,
    call_hour,
    last_seen_at as created_at
from deleted
where is_counted
