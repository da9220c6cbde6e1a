-- What is kept of hours that the application has deleted rows of, in the form of int_api_records_hourly_rollup. Not
-- what is kept of the same calls because their campaign is deleted.
with kept as (

    select
        *,
        {{ utc_hour('block_start') }} as utc_hour,
        cast(null as {{ type_uuid() }}) as open_record_id
    from {{ ref('int_pruned_calls') }}
    where {{ is_kept_when_pruned('block_start') }}

),

deleted as (

    select distinct
        source_table,
        campaign_id,
        utc_hour
    from {{ ref('int_deleted_campaign_sums') }}

)

select kept.{{ model.columns | join(', kept.') }}
from kept
left join deleted
    on
        kept.source_table = deleted.source_table
        and kept.campaign_id = deleted.campaign_id
        and kept.utc_hour = deleted.utc_hour
where deleted.campaign_id is null
