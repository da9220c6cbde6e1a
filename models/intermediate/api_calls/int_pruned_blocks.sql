-- What is kept of hours that the application has deleted rows of, in the form of int_api_usage_blocks. Not what is kept
-- of the same calls because their campaign is deleted.
with deleted as (

    select distinct
        source_table,
        campaign_id,
        block_start
    from {{ ref('int_deleted_campaign_blocks') }}

)

select pruned.{{ model.columns | join(', pruned.') }}
from {{ ref('int_pruned_calls') }} as pruned
left join deleted
    on
        pruned.source_table = deleted.source_table
        and pruned.campaign_id = deleted.campaign_id
        and pruned.block_start = deleted.block_start
where
    {{ is_kept_when_pruned('pruned.block_start') }}
    and deleted.campaign_id is null
