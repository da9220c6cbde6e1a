with dashboard as (

    select * from {{ ref('stg_dashboard_exports') }}

),

history as (

    select * from {{ ref('stg_export_history') }}

),

recorded_twice as (

    select * from {{ ref('int_exports_in_both') }}

),

exports as (

    select
        export_id,
        user_id,
        campaign_id,
        campaign_ids,
        export_type,
        file_format,
        row_count,
        file_size_mb,
        export_status,
        expires_at,
        start_date,
        end_date,
        created_at,
        completed_at,
        'dashboard_exports' as source_table
    from dashboard

    union all

    select
        history.export_id,
        history.user_id,
        history.campaign_id,
        {{ array_of_one('history.campaign_id') }} as campaign_ids,
        'lead_export' as export_type,
        history.file_format,
        history.row_count,
        history.file_size_mb,
        'completed' as export_status,
        history.expires_at,
        null as start_date,
        null as end_date,
        history.created_at,
        history.created_at as completed_at,
        'export_history' as source_table
    from history
    left join recorded_twice
        on history.export_id = recorded_twice.export_id
    where recorded_twice.export_id is null

)

select
    export_id as id,
    user_id,
    campaign_id,
    campaign_ids,
    export_type,
    file_format,
    row_count,
    file_size_mb,
    export_status,
    expires_at,
    coalesce(expires_at < current_timestamp, false) as is_expired,
    start_date,
    end_date,
    created_at,
    completed_at,
    source_table
from exports
