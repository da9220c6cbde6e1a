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
