-- One row per date, campaign, service and endpoint. Spend without a campaign, or of one that is gone, has its rows.
select
    costs.date,
    costs.campaign_id,
    campaigns.campaign_name,
    costs.api_service,
    costs.endpoint,
    costs.request_count,
    costs.error_count,
    costs.total_cost,
    costs.estimated_cost,
    cast(costs.total_cost / nullif(costs.request_count, 0) as numeric(12, 6)) as cost_per_request
from (
    select
        date,
        campaign_id,
        api_service,
        endpoint,
        cast(sum(request_count) as bigint) as request_count,
        cast(sum(error_count) as bigint) as error_count,
        cast(sum(total_cost) as numeric(18, 4)) as total_cost,
        cast(sum(estimated_cost) as numeric(18, 4)) as estimated_cost
    from analytics.api_cost_tracking
    group by date, campaign_id, api_service, endpoint
) as costs
left join analytics.campaign_analytics as campaigns on costs.campaign_id = campaigns.campaign_id
