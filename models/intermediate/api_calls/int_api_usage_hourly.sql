-- One row per campaign, service, endpoint, date and hour with a call. avg_response_time_ms is not additive:
-- take timed_response_ms over timed_request_count.
with live as (

    {{ api_usage_hourly(ref('int_api_usage_blocks'), is_live('int_api_usage_hourly_rollup', 'hour')) }}

),

hourly as (

    select * from {{ ref('int_api_usage_hourly_rollup') }}
    union all
    select * from live

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

)

select
    hourly.*,
    hourly.campaign_id is not null and campaigns.campaign_id is null as is_campaign_deleted,
    {{ hour_start('hourly.call_date', 'hourly.call_hour') }} as hour_start
from hourly
left join campaigns
    on hourly.campaign_id = campaigns.campaign_id
