-- depends_on: {{ ref('int_pruned_calls') }}
{% set window = rollup_window() -%}
with blocks as (

    {{ api_usage_blocks(window) }}

)

select *
from blocks
where {{ in_window(window) }}

-- wherever the watermark is: the live part, computed from the source, has none of them
{% for kept in [ref('int_deleted_campaign_blocks'), ref('int_pruned_blocks')] -%}
union all
select *
from {{ kept }}
where {{ in_periods(window, 'block') }}
{%- if not loop.last %}

{% endif %}
{%- endfor %}
