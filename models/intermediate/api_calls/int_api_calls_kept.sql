-- One row per sum of calls that the application has deleted, with their campaign or as old rows, in the form of
-- int_api_calls.
with kept as (

    select
        *,
        true as is_deleted_with_campaign
    from {{ ref('int_deleted_campaign_sums') }}
    union all
    select
        *,
        false as is_deleted_with_campaign
    from {{ ref('int_pruned_sums') }}

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

)

select
    kept.source_table,
    {{ hash_uuid([
        'kept.source_table', time_text('kept.block_start'), 'kept.call_hour', 'kept.campaign_id', 'kept.user_id',
        'kept.api_service', 'kept.endpoint', time_text('kept.kept_at')
    ]) }} as record_id,
    cast(null as {{ type_uuid() }}) as paired_record_id,
    kept.campaign_id,
    coalesce(kept.user_id, campaigns.user_id) as user_id,
    cast(null as {{ type_uuid() }}) as lead_id,
    kept.api_service,
    kept.endpoint,
    cast(null as {{ dbt.type_string() }}) as error_message,
    kept.request_count,
    kept.success_count,
    kept.error_count,
    kept.cost,
    kept.list_cost,
    cast(null as integer) as response_time_ms,
    cast(null as integer) as http_status_code,
    cast(null as integer) as rate_limit_remaining,
    kept.credits_used,
    kept.estimated_cost <> 0 as is_cost_estimated,
    kept.campaign_id is not null and campaigns.campaign_id is null as is_campaign_deleted,
    kept.call_date,
    kept.call_hour,
    kept.last_seen_at as created_at,
    kept.is_deleted_with_campaign
from kept
left join campaigns
    on kept.campaign_id = campaigns.campaign_id
where kept.is_counted
