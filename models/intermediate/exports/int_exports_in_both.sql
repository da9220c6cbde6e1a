-- One row per export_history row that a dashboard_exports row records too: same id, or else paired one to one, in time
-- order, with a row of the same user, campaign, format and row count.
with history as (

    select * from {{ ref('stg_export_history') }}

),

dashboard as (

    select * from {{ ref('stg_dashboard_exports') }}

),

same_id as (

    select history.export_id
    from history
    inner join dashboard
        on history.export_id = dashboard.export_id

),

others as (

    select
        'history' as side,
        history.export_id,
        history.user_id,
        history.campaign_id,
        history.file_format,
        history.row_count,
        history.created_at
    from history
    left join same_id
        on history.export_id = same_id.export_id
    where same_id.export_id is null
    union all
    select
        'dashboard' as side,
        dashboard.export_id,
        dashboard.user_id,
        dashboard.campaign_id,
        dashboard.file_format,
        dashboard.row_count,
        dashboard.created_at
    from dashboard
    left join same_id
        on dashboard.export_id = same_id.export_id
    where same_id.export_id is null

),

alike as (

    select
        array_agg(export_id order by created_at, export_id) filter (where side = 'history') as history_ids,
        array_agg(created_at order by created_at, export_id) filter (where side = 'history') as history_times,
        array_agg(created_at order by created_at, export_id) filter (where side = 'dashboard') as dashboard_times
    from others
    group by user_id, campaign_id, file_format, row_count

),

matched as (

    select export_id from same_id
    union all
    select alike.history_ids[pairs.first_position] as export_id
    from alike
    cross join lateral {{ pair_in_order(
        'alike.history_times', 'alike.dashboard_times', var('export_match_tolerance_seconds')
    ) }} as pairs

)

select * from matched
