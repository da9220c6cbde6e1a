-- One row per export_history row that a dashboard_exports row records too: same id, or else the nearest in time of the
-- same user, campaign, format and row count.
with history as (

    select * from {{ ref('stg_export_history') }}

),

dashboard as (

    select * from {{ ref('stg_dashboard_exports') }}

),

candidates as (

    select
        history.export_id,
        row_number() over (
            partition by dashboard.export_id
            order by
                case
                    when history.created_at <= dashboard.created_at then dashboard.created_at - history.created_at
                    else history.created_at - dashboard.created_at
                end,
                history.export_id
        ) as nearness
    from dashboard
    inner join history
        on
            dashboard.export_id <> history.export_id
            and dashboard.user_id is not distinct from history.user_id
            and dashboard.campaign_id is not distinct from history.campaign_id
            and dashboard.file_format is not distinct from history.file_format
            and dashboard.row_count is not distinct from history.row_count
            and history.created_at
            between {{ seconds_later('dashboard.created_at', -var('export_match_tolerance_seconds')) }}
            and {{ seconds_later('dashboard.created_at', var('export_match_tolerance_seconds')) }}

),

matched as (

    select history.export_id
    from history
    inner join dashboard
        on history.export_id = dashboard.export_id
    union
    select export_id from candidates
    where nearness = 1

)

select * from matched
