{# The service that an alias names, else the name as recorded, tidied; 'unknown' if there is none. #}
{% macro canonical_service(recorded_service, aliased_service) -%}
    coalesce({{ aliased_service }}, {{ unlisted_name(recorded_service) }}, 'unknown')
{%- endmacro %}


{# A computed cost; NULL where no recorded cost, numeric(10,4), could be as large. #}
{% macro possible_cost(cost) -%}
    case when {{ cost }} between -999999.9999 and 999999.9999 then cast({{ cost }} as {{ type_money() }}) end
{%- endmacro %}


{# One row per spelling of service and endpoint in `records`, with the canonical names. #}
{% macro api_names(records) -%}
    with spellings as (

        select distinct
            recorded_service,
            recorded_endpoint
        from {{ records }} as records

    ),

    service_aliases as (

        select * from {{ ref('service_aliases') }}

    ),

    endpoint_aliases as (

        select * from {{ ref('endpoint_aliases') }}

    ),

    with_service as (

        select
            spellings.recorded_service,
            spellings.recorded_endpoint,
            {{ canonical_service('spellings.recorded_service', 'service_aliases.api_service') }} as api_service,
            service_aliases.api_service is not null as is_service_known
        from spellings
        left join service_aliases
            on {{ spelling_key('spellings.recorded_service') }} = service_aliases.alias

    )

    select
        with_service.recorded_service,
        with_service.recorded_endpoint,
        with_service.api_service,
        coalesce(
            endpoint_aliases.endpoint, {{ unlisted_name('with_service.recorded_endpoint') }}
        ) as endpoint,
        with_service.is_service_known
    from with_service
    left join endpoint_aliases
        on
            with_service.api_service = endpoint_aliases.api_service
            and {{ spelling_key('with_service.recorded_endpoint') }} = endpoint_aliases.alias
{%- endmacro %}


{#
  Records of the logs with canonical names. `names` has one row per spelling, because spellings are few, records many.
#}
{% macro named_api_records(records, names) -%}
    select
        records.*,
        names.api_service,
        names.endpoint,
        names.is_service_known,
        {{ pairing_key('records.campaign_id', 'names.api_service', 'names.endpoint') }} as pairing_key
    from {{ records }} as records
    left join {{ names }} as names
        on
            coalesce(records.recorded_service, '') = coalesce(names.recorded_service, '')
            and coalesce(records.recorded_endpoint, '') = coalesce(names.recorded_endpoint, '')
{%- endmacro %}


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
