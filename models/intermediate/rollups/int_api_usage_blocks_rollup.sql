{%- set window = rollup_window() -%}
with blocks as (

    {{ api_usage_blocks(window) }}

)

select *
from blocks
where {{ in_window(window) }}
