-- depends_on: {{ ref('int_pruned_calls') }}
{% set window = rollup_window() -%}
with records as (

    {{ api_records_hourly('settled', window) }}

)

select *
from records
where {{ in_window(window) }}

-- wherever the watermark is: the live part, computed from the source, has none of them
{% for kept in [ref('int_deleted_campaign_sums'), ref('int_pruned_sums')] -%}
union all
select {{ model.columns | join(', ') }}
from {{ kept }}
where {{ in_periods(window, 'utc_hour') }}
{%- if not loop.last %}

{% endif %}
{%- endfor %}
