-- Open ends of the last run, and those of the runs that a rollup stands at which has not come as far.
with run as (

    {{ rollup_upstream() if execute and this_rollup() else 'select 0 as version' }}

)

select
    run.version,
    records.source_table,
    records.open_record_id as record_id,
    records.campaign_id,
    records.user_id,
    cast(null as {{ type_uuid() }}) as lead_id,
    cast(null as {{ dbt.type_string() }}) as recorded_service,
    records.api_service,
    records.endpoint,
    {{ newest_value('records.last_error') }} as error_message,
    cast(records.request_count as integer) as request_count,
    cast(records.success_count as integer) as success_count,
    cast(records.error_count as integer) as error_count,
    cast(null as {{ type_money() }}) as recorded_cost,
    records.list_cost,
    records.cost,
    cast(records.timed_response_ms as integer) as response_time_ms,
    cast({{ newest_value('records.last_error_status') }} as integer) as http_status_code,
    cast({{ newest_value('records.last_rate_limit') }} as integer) as rate_limit_remaining,
    cast(records.credits_used as integer) as credits_used,
    true as is_service_known,
    case when prices.unit = 'credit' then prices.list_price_usd end as credit_price,
    records.estimated_cost <> 0 as is_cost_estimated,
    records.last_seen_at as created_at
from {{ ref('int_api_records_hourly_rollup') }} as records
cross join run
left join {{ ref('int_api_prices') }} as prices
    on
        records.api_service = prices.api_service
        and records.endpoint = prices.endpoint
        and records.last_seen_at >= prices.valid_from
        and (prices.valid_until is null or records.last_seen_at < prices.valid_until)
where records.open_record_id is not null
