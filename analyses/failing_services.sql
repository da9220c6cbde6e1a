with hours as (

    select *
    from {{ ref('service_health_metrics') }}
    where hour_start <= current_timestamp

),

last_good_hours as (

    select
        service_name,
        max(hour_start) as hour_start
    from hours
    where status not in ('degraded', 'down')
    group by service_name

),

bad_hours as (

    select
        hours.service_name,
        min(hours.hour_start) as failing_since
    from hours
    left join last_good_hours
        on hours.service_name = last_good_hours.service_name
    where last_good_hours.hour_start is null or hours.hour_start > last_good_hours.hour_start
    group by hours.service_name

)

select
    hours.service_name,
    hours.status,
    hours.error_rate,
    bad_hours.failing_since,
    hours.last_successful_call,
    hours.last_error
from hours
inner join bad_hours
    on hours.service_name = bad_hours.service_name
where hours.is_latest
order by hours.error_rate desc nulls last, hours.service_name asc
