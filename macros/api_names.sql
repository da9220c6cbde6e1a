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

    ),

    spelled as (

        select
            *,
            {{ endpoint_spellings('recorded_endpoint') }} as endpoint_spellings
        from with_service

    )

    select
        spelled.recorded_service,
        spelled.recorded_endpoint,
        spelled.api_service,
        coalesce(
            {#- the recorded one first: nearly all are listed, and need not be taken apart #}
            {%- for spelling in ['recorded_endpoint', 'endpoint_spellings[1]', 'endpoint_spellings[2]'] %}
            (
                select endpoint_aliases.endpoint
                from endpoint_aliases
                where
                    endpoint_aliases.api_service = spelled.api_service
                    and endpoint_aliases.alias = {{ spelling_key('spelled.' ~ spelling) }}
            ),
            {%- endfor %}
            {{ unlisted_endpoint('spelled.endpoint_spellings[2]') }},
            {{ unlisted_endpoint('spelled.recorded_endpoint') }}
        ) as endpoint,
        spelled.is_service_known
    from spelled
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


{#
  Named records with their list price, and with that as their cost where none is recorded. A log that records credits
  writes a cost of 0 when it knows none.
#}
{% macro priced_api_records(records) -%}
    {%- set is_estimated = '(list_cost is not null and (recorded_cost is null or recorded_cost = 0 and credit_price is not null))' -%}
    with priced as (

        select
            records.*,
            {{ possible_cost(
                'prices.list_price_usd * case prices.unit when \'credit\' then records.credits_used else records.request_count end'
            ) }} as list_cost,
            case when prices.unit = 'credit' then prices.list_price_usd end as credit_price
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
        list_cost,
        case when {{ is_estimated }} then list_cost else recorded_cost end as cost,
        response_time_ms,
        http_status_code,
        rate_limit_remaining,
        credits_used,
        is_service_known,
        credit_price,
        {{ is_estimated }} as is_cost_estimated,
        created_at
    from priced
{%- endmacro %}


{# For on-run-end: the services of whose calls the list prices none, so that nobody takes their missing list cost for a gap. #}
{% macro tell_of_unpriced_services() %}
    {% set daily = ref('int_service_usage_daily') %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% if not was_built('int_service_usage_daily') %}{{ return('') }}{% endif %}
    {% set query %}
        select api_service, sum(request_count) as calls
        from {{ daily }}
        where request_count > 0
        group by api_service
        having count(list_cost) = 0
        order by calls desc, api_service
    {% endset %}
    {% set texts = [] %}
    {% for service, calls in run_query(query).rows %}
        {% do texts.append(service ~ ' (' ~ calls ~ ')') %}
    {% endfor %}
    {% if texts %}
        {{ log(
            'Services none of whose calls has a list price, and the number of calls: ' ~ texts | join(', ')
            ~ '. Add their prices to seeds/api_prices.csv', info=true
        ) }}
    {% endif %}
    {{ return('') }}
{% endmacro %}
