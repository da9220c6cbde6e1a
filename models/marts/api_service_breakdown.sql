with calls as (

    select * from {{ ref('int_api_calls') }}

),

daily as (

    select
        api_service,
        call_date,
        cast(sum(request_count) as {{ dbt.type_bigint() }}) as total_requests,
        cast(sum(cost) as {{ type_money() }}) as total_cost,
        sum(success_count) as success_count,
        sum(cast(response_time_ms as {{ dbt.type_bigint() }}) * request_count) as timed_response_ms,
        sum(case when response_time_ms is not null then request_count else 0 end) as timed_request_count,
        {{ percentile('single_call_ms', 0.50) }} as p50_response_time_ms,
        {{ percentile('single_call_ms', 0.95) }} as p95_response_time_ms,
        {{ percentile('single_call_ms', 0.99) }} as p99_response_time_ms,
        cast(sum(list_cost) as {{ type_money() }}) as list_cost,
        count(distinct campaign_id) as active_campaigns
    from (
        select
            *,
            -- an hourly sum has an average only, which says nothing about a percentile
            case when source_table <> 'api_cost_tracking' then response_time_ms end as single_call_ms
        from calls
    ) as timed
    group by api_service, call_date

)

select
    api_service,
    call_date as date,
    total_requests,
    total_cost,
    {{ ratio('success_count', 'total_requests') }} as success_rate,
    {{ ratio('timed_response_ms', 'timed_request_count') }} as avg_response_time_ms,
    p50_response_time_ms,
    p95_response_time_ms,
    p99_response_time_ms,
    {{ ratio('total_cost', 'total_requests') }} as cost_per_request,
    list_cost,
    cast(total_cost - list_cost as {{ type_money() }}) as cost_variance,
    active_campaigns
from daily
