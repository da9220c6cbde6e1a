-- depends_on: {{ ref('int_api_open_ends') }}
-- depends_on: {{ ref('int_campaign_usage_hourly_rollup') }}
{% set window = rollup_window() -%}
with issues as (

    {{ api_issues('settled', window) }}

)

select *
from issues
where {{ in_window(window) }}
