-- Recorded pings only; the mart service_health_metrics takes one only for an hour without a call.
select
    -- ids
    id as ping_id,

    -- text
    {{ blank_to_null('service_name') }} as recorded_service,
    status,
    {{ redact('last_error') }} as last_error,

    -- numerics
    response_time_ms,
    cast(case when error_rate between 0 and 1 then error_rate end as numeric(5, 4)) as error_rate,
    rate_limit_remaining,
    cost_budget_remaining,

    -- timestamps
    last_successful_call,
    {{ time_or_epoch('"timestamp"') }} as pinged_at

from ({{ read_source('service_health_metrics') }}) as recorded
