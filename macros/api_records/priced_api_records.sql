{# Named records with their list price, and with that as their cost where none is recorded. #}
{% macro priced_api_records(records) -%}
    with priced as (

        select
            records.*,
            {{ possible_cost('prices.list_price_usd * records.request_count') }} as list_cost
        from {{ records }} as records
        left join {{ ref('int_api_prices') }} as prices
            on
                records.api_service = prices.api_service
                and records.endpoint = prices.endpoint
                and records.created_at >= prices.valid_from
                and (prices.valid_until is null or records.created_at < prices.valid_until)

    )

    select
        source_table,
        record_id,
        campaign_id,
        user_id,
        lead_id,
        recorded_service,
        api_service,
        endpoint,
        pairing_key,
        error_message,
        request_count,
        success_count,
        error_count,
        recorded_cost,
        cast(list_cost as {{ type_money() }}) as list_cost,
        cast(coalesce(recorded_cost, list_cost) as {{ type_money() }}) as cost,
        response_time_ms,
        http_status_code,
        rate_limit_remaining,
        credits_used,
        is_service_known,
        recorded_cost is null and list_cost is not null as is_cost_estimated,
        created_at
    from priced
{%- endmacro %}
