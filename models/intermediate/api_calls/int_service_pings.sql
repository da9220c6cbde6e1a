-- One row per service and hour with a recorded ping: the hour's last ping.
with pings as (

    select
        pings.*,
        {{ canonical_service('pings.recorded_service', 'service_aliases.api_service') }} as api_service,
        {{ local_date('pings.pinged_at') }} as ping_date,
        {{ local_hour('pings.pinged_at') }} as ping_hour
    from {{ ref('stg_service_health_metrics') }} as pings
    left join {{ ref('service_aliases') }} as service_aliases
        on {{ spelling_key('pings.recorded_service') }} = service_aliases.alias

),

ranked as (

    select
        *,
        row_number() over (
            partition by api_service, ping_date, ping_hour order by pinged_at desc, ping_id desc
        ) as recency
    from pings

),

final as (

    select
        api_service,
        ping_date,
        ping_hour,
        {{ hour_start('ping_date', 'ping_hour') }} as hour_start,
        status,
        cast(response_time_ms as {{ type_ratio() }}) as response_time_ms,
        error_rate,
        rate_limit_remaining,
        cost_budget_remaining,
        last_successful_call,
        last_error,
        pinged_at
    from ranked
    where recency = 1

)

select * from final
