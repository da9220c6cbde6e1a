-- Recorded snapshots only; the mart lead_qualification_metrics is derived and does not read this.
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
    {{ start_of_sum(hours_are_local('lead_qualification_metrics')) }} as hour_start

from ({{ read_source('lead_qualification_metrics') }}) as recorded
