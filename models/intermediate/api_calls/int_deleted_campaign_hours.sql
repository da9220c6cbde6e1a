-- Campaign, service, endpoint and UTC hour of calls that are deleted with their campaign: a recorded hourly sum of them
-- is no call of its own, as it was none before.
select distinct
    campaign_id,
    api_service,
    coalesce(endpoint, '') as endpoint,
    utc_hour
from {{ ref('int_deleted_campaign_sums') }}
where source_table <> 'api_cost_tracking'
