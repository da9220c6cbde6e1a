{%- set is_local = hours_are_local('api_cost_tracking') -%}
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
    {{ time_or_epoch(start_of_sum(is_local)) }} as created_at,

    -- for incremental models
    {% if is_local -%}
    coalesce(cast({{ utc_time('created_at') }} as date), source_date) as source_date,
    {%- else -%}
    source_date,
    {%- endif %}
    row_version

from ({{ read_source('api_cost_tracking', tracked='date') }}) as recorded
