{%- set window = rollup_window() -%}
with blocks as (

    {{ api_usage_blocks(window) }}

),

all_blocks as (

    select * from blocks
    union all
    select * from {{ ref('int_deleted_campaign_blocks') }}

)

select *
from all_blocks
where {{ in_window(window) }}
