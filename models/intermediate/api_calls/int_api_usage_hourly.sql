-- One row per campaign, service, endpoint, date and hour with a call. avg_response_time_ms is not additive:
-- take timed_response_ms over timed_request_count.
with hourly as (

    {{ usage_with_live_part('api_usage_hourly', 'hour') }}

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

)

select
    hourly.campaign_id,
    case when hourly.first_user_id = hourly.last_user_id then hourly.first_user_id end as user_id,
    hourly.api_service,
    hourly.endpoint,
    hourly.call_date,
    hourly.call_hour,
    hourly.request_count,
    hourly.success_count,
    hourly.error_count,
    hourly.cost as total_cost,
    hourly.estimated_cost,
    hourly.timed_response_ms,
    hourly.timed_request_count,
    hourly.credits_used,
    cast({{ newest_value('hourly.last_rate_limit') }} as integer) as rate_limit_remaining,
    hourly.campaign_id is not null and campaigns.campaign_id is null as is_campaign_deleted,
    {{ hour_start('hourly.call_date', 'hourly.call_hour') }} as hour_start
from hourly
left join campaigns
    on hourly.campaign_id = campaigns.campaign_id
