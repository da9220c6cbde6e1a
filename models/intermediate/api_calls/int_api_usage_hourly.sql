-- One row per campaign, service, endpoint, date and hour with a call. avg_response_time_ms is not additive:
-- take timed_response_ms over timed_request_count.
with calls as (

    select * from {{ ref('int_api_calls') }}

),

hourly as (

    select
        campaign_id,
        api_service,
        endpoint,
        call_date,
        call_hour,
        min(cast(user_id as {{ dbt.type_string() }})) as first_user_id,
        max(cast(user_id as {{ dbt.type_string() }})) as last_user_id,
        sum(request_count) as request_count,
        sum(success_count) as success_count,
        sum(error_count) as error_count,
        sum(cost) as total_cost,
        sum(case when is_cost_estimated then cost else 0 end) as estimated_cost,
        sum(list_cost) as list_cost,
        sum(cast(response_time_ms as {{ dbt.type_bigint() }}) * request_count) as timed_response_ms,
        sum(case when response_time_ms is not null then request_count else 0 end) as timed_request_count,
        sum(credits_used) as credits_used,
        {{ newest('rate_limit_remaining', 'created_at', 'record_id') }} as rate_limit_remaining,
        {{ dbt.bool_or('is_campaign_deleted') }} as is_campaign_deleted
    from calls
    group by campaign_id, api_service, endpoint, call_date, call_hour

),

final as (

    select
        campaign_id,
        case when first_user_id = last_user_id then cast(first_user_id as {{ type_uuid() }}) end as user_id,
        api_service,
        endpoint,
        call_date,
        call_hour,
        cast(request_count as {{ dbt.type_bigint() }}) as request_count,
        cast(success_count as {{ dbt.type_bigint() }}) as success_count,
        cast(error_count as {{ dbt.type_bigint() }}) as error_count,
        cast(total_cost as {{ type_money() }}) as total_cost,
        cast(estimated_cost as {{ type_money() }}) as estimated_cost,
        cast(list_cost as {{ type_money() }}) as list_cost,
        cast(timed_response_ms as numeric(38, 4)) as timed_response_ms,
        cast(timed_request_count as {{ dbt.type_bigint() }}) as timed_request_count,
        cast(credits_used as {{ dbt.type_bigint() }}) as credits_used,
        rate_limit_remaining,
        is_campaign_deleted,
        {{ hour_start('call_date', 'call_hour') }} as hour_start
    from hourly

)

select * from final
