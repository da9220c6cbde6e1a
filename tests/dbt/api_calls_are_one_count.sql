-- Every api_usage record is a call; what else counts is told by the reconciliation, service by service and day by day.
with calls as (

    select
        api_service,
        call_date as date,
        sum(request_count) as counted_calls
    from {{ ref('int_api_calls') }}
    group by api_service, call_date
    -- a recorded hourly sum may be of no calls
    having sum(request_count) <> 0

),

reconciliation as (

    select
        api_service,
        date,
        counted_calls
    from {{ ref('api_usage_reconciliation') }}
    where counted_calls <> 0

)

(
    select * from calls
    except
    select * from reconciliation
)
union all
(
    select * from reconciliation
    except
    select * from calls
)
