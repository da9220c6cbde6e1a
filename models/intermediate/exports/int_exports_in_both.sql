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

    select 'history' as side, export_id, user_id, campaign_id, file_format, row_count, created_at
    from history
    where export_id not in (select export_id from same_id)
    union all
    select 'dashboard' as side, export_id, user_id, campaign_id, file_format, row_count, created_at
    from dashboard
    where export_id not in (select export_id from same_id)

),

alike as (

    select
        {%- for side in ['history', 'dashboard'] %}
        array_agg(export_id order by created_at, export_id) filter (where side = '{{ side }}') as {{ side }}_ids,
        array_agg(created_at order by created_at, export_id) filter (where side = '{{ side }}') as {{ side }}_times
        {{- ',' if not loop.last }}
        {%- endfor %}
    from others
    group by user_id, campaign_id, file_format, row_count

),

matched as (

    select export_id from same_id
    union all
    select pairs.first_id as export_id
    from alike
    cross join lateral {{ pair_in_order(
        'history_ids', 'history_times', 'dashboard_ids', 'dashboard_times', var('export_match_tolerance_seconds')
    ) }} as pairs

)

select * from matched
