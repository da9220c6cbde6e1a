-- What is kept of the records of deleted campaigns, in the form of int_api_usage_blocks. Not of those that are back.
select
    deleted.*,
    cast('-infinity' as {{ type_timestamptz() }}) as kept_at
from {{ ref('int_deleted_campaign_calls') }} as deleted
left join {{ ref('stg_campaigns') }} as campaigns
    on deleted.campaign_id = campaigns.campaign_id
where campaigns.campaign_id is null
