-- What is kept of the records of deleted campaigns, in the form of int_api_records_hourly_rollup. Not of those that are
-- back.
with kept as (

    select
        *,
        {{ utc_hour('block_start') }} as utc_hour,
        cast(null as {{ type_uuid() }}) as open_record_id,
        cast('-infinity' as {{ type_timestamptz() }}) as kept_at
    from {{ ref('int_deleted_campaign_calls') }}

)

select kept.{{ model.columns | join(', kept.') }}
from kept
left join {{ ref('stg_campaigns') }} as campaigns
    on kept.campaign_id = campaigns.campaign_id
where campaigns.campaign_id is null
