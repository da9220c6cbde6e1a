{%- set window = rollup_window() -%}
with blocks as (

    {{ api_usage_blocks(window) }}

),

deleted_campaigns as (

    select deleted.*
    from {{ ref('int_deleted_campaign_calls') }} as deleted
    left join {{ ref('stg_campaigns') }} as campaigns
        on deleted.campaign_id = campaigns.campaign_id
    where campaigns.campaign_id is null

),

all_blocks as (

    select * from blocks
    union all
    select * from deleted_campaigns

)

select *
from all_blocks
where {{ in_window(window) }}
