select
    -- ids
    id as api_cost_tracking_id,
    campaign_id,
    business_id as lead_id,

    -- text
    {{ blank_to_null('api_service') }} as recorded_service,
    {{ without_query('endpoint') }} as recorded_endpoint,

    -- numerics
    greatest(coalesce(request_count, 1), 0) as request_count,
    cast(
        coalesce(
            total_cost, {{ possible_cost('cast(request_count as ' ~ type_money() ~ ') * cost_per_request') }}
        ) as {{ type_money() }}
    ) as cost,
    {%- for count in ['success_count', 'error_count'] %}
    least(greatest(coalesce({{ count }}, 0), 0), greatest(coalesce(request_count, 1), 0)) as {{ count }},
    {%- endfor %}
    avg_response_time_ms,
    rate_limit_remaining,

    -- timestamps: the start of the hour that the row sums up
    coalesce(
        case when hour between 0 and 23 then {{ recorded_hour_start('date', 'hour') }} end,
        {{ utc_hour('created_at') }},
        {{ epoch_time() }}
    ) as created_at,

    -- for incremental models
    source_date,
    row_version

from ({{ read_source('api_cost_tracking', tracked='date') }}) as recorded
