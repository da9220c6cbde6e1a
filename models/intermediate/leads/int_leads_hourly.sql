-- One row per campaign, date and hour in which a lead was found. Qualified counts the leads found in that hour.
with live as (

    {{ leads_hourly(
        ref('int_leads'),
        window_filter('live', rollup='int_leads_hourly_rollup')
        ~ ' and ' ~ is_live_period(
            '(select ' ~ rollup_watermark('int_leads_hourly_rollup') ~ ')', 'hour', prefix='discovered'
        )
    ) }}

)

select * from {{ ref('int_leads_hourly_rollup') }}
union all
select * from live
