select
    -- ids
    id as export_id,
    campaign_id,
    user_id,

    -- text
    {{ export_format('format') }} as file_format,

    -- numerics
    leads_count as row_count,
    -- no file is larger than the column can say, one terabyte
    cast(
        case when file_size_bytes between 0 and 1000000000000 then file_size_bytes / 1048576.0 end as numeric(8, 2)
    ) as file_size_mb,

    -- timestamps
    expires_at,
    {{ time_or_epoch('created_at') }} as created_at

from ({{ read_source('export_history') }}) as recorded
