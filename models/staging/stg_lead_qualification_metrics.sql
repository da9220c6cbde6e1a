-- Recorded snapshots only; the mart lead_qualification_metrics is derived and does not read this.
{% set hour_says = "case when hour between 0 and 23 then " ~ recorded_hour_start('date', 'hour') ~ " end" -%}
{%- set creation_says = utc_hour('created_at') -%}
{%- set is_local = hours_are_local('lead_qualification_metrics') -%}
select
    -- ids
    id as recorded_snapshot_id,
    campaign_id,

    -- numerics
    total_leads_discovered,
    leads_qualified,
    total_api_calls,
    total_api_cost,

    -- timestamps: the start of the hour that the row sums up
    coalesce(
        {{ creation_says if is_local else hour_says }},
        {{ hour_says if is_local else creation_says }}
    ) as hour_start

from ({{ read_source('lead_qualification_metrics') }}) as recorded
