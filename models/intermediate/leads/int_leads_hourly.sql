-- One row per campaign, date and hour in which a lead was found. Qualified counts the leads found in that hour.
{% set rollup = 'int_leads_hourly_rollup' -%}
{{ with_live_part(
    rollup, 'hour',
    live=leads_hourly(ref('int_leads'), window_filter('live', rollup=rollup)),
    summed_by='summed_leads_hourly',
    prefix='discovered',
) }}
