-- Every record of the three logs, with canonical names. Not calls: one call may have up to three records.
with records as (

    select * from {{ ref('int_api_records_unioned') }}

),

service_aliases as (

    select * from {{ ref('service_aliases') }}

),

endpoint_aliases as (

    select * from {{ ref('endpoint_aliases') }}

),

with_service as (

    select
        records.*,
        {{ canonical_service('records.recorded_service', 'service_aliases.api_service') }} as api_service,
        service_aliases.api_service is not null as is_service_known
    from records
    left join service_aliases
        on {{ spelling_key('records.recorded_service') }} = service_aliases.alias

),

with_endpoint as (

    select
        with_service.*,
        coalesce(
            endpoint_aliases.endpoint, {{ unlisted_name('with_service.recorded_endpoint') }}
        ) as endpoint
    from with_service
    left join endpoint_aliases
        on
            with_service.api_service = endpoint_aliases.api_service
            and {{ spelling_key('with_service.recorded_endpoint') }} = endpoint_aliases.alias

)

select * from with_endpoint
