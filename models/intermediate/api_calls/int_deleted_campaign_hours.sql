-- Campaign, service, endpoint and UTC hour of calls that are deleted with their campaign: a recorded hourly sum of them
-- is no call of its own, as it was none before.
select distinct
    deleted.campaign_id,
    deleted.api_service,
    coalesce(deleted.endpoint, '') as endpoint,
    {{ utc_hour('deleted.block_start') }} as utc_hour
from {{ ref('int_deleted_campaign_calls') }} as deleted
left join {{ ref('stg_campaigns') }} as campaigns
    on deleted.campaign_id = campaigns.campaign_id
where campaigns.campaign_id is null and deleted.source_table <> 'api_cost_tracking'
