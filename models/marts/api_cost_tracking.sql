with hourly as (

    select * from {{ ref('int_api_usage_hourly') }}

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

)

select
    {{ hash_uuid([
        'hourly.campaign_id', 'hourly.api_service', 'hourly.endpoint', date_text('hourly.call_date'), 'hourly.call_hour'
    ]) }} as id,
    hourly.campaign_id,
    coalesce(campaigns.user_id, hourly.user_id) as user_id,
    hourly.api_service,
    hourly.endpoint,
    hourly.request_count,
    {{ cast_or_null(
        ratio('hourly.total_cost', 'hourly.request_count', type='numeric(38, 12)'), 12, 6
    ) }} as cost_per_request,
    {{ cast_or_null('hourly.total_cost', 12, 4) }} as total_cost,
    hourly.success_count,
    hourly.error_count,
    {{ ratio('hourly.timed_response_ms', 'hourly.timed_request_count') }} as avg_response_time_ms,
    hourly.rate_limit_remaining,
    hourly.credits_used,
    {{ cast_or_null('hourly.estimated_cost', 12, 4) }} as estimated_cost,
    hourly.is_campaign_deleted,
    hourly.call_date as date,
    hourly.call_hour as hour,
    hourly.hour_start as created_at
from hourly
left join campaigns
    on hourly.campaign_id = campaigns.campaign_id
