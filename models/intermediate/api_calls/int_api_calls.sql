-- One row per real API call, each counted once; a recorded hourly sum that neither log covers is one row that stands
-- for request_count calls, and so is what is kept of calls that the application has deleted.
with counted as (

    {{ api_records() }}

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
        cast(counted.call_cost as {{ type_money() }}) as cost,
        cast(counted.call_list_cost as {{ type_money() }}) as list_cost,
        counted.response_time_ms,
        counted.http_status_code,
        counted.rate_limit_remaining,
        counted.call_credits_used as credits_used,
        counted.is_call_cost_estimated as is_cost_estimated,
        counted.campaign_id is not null and campaigns.campaign_id is null as is_campaign_deleted,
        {{ local_date('counted.created_at') }} as call_date,
        {{ local_hour('counted.created_at') }} as call_hour,
        counted.created_at
    from counted
    left join campaigns
        on counted.campaign_id = campaigns.campaign_id
    where counted.is_counted

)

select * from of_source
union all
select
    source_table,
    record_id,
    paired_record_id,
    campaign_id,
    user_id,
    lead_id,
    api_service,
    endpoint,
    error_message,
    request_count,
    success_count,
    error_count,
    cost,
    list_cost,
    response_time_ms,
    http_status_code,
    rate_limit_remaining,
    credits_used,
    is_cost_estimated,
    is_campaign_deleted,
    call_date,
    call_hour,
    created_at
from {{ ref('int_api_calls_kept') }}
