{%- set window = rollup_window() -%}
with blocks as (

    {{ api_usage_blocks(window) }}

)

select *
from blocks
where {{ in_window(window) }}

union all

-- wherever the watermark is: the live part, computed from the source, has none of them
select *
from {{ ref('int_deleted_campaign_blocks') }}
where {{ in_periods(window, 'block') }}
