-- Every record of the three logs, with canonical names. Not calls: one call may have up to three records.
with records as (

    select * from {{ ref('int_api_records_unioned') }}

),

names as (

    select * from {{ ref('int_api_names') }}

),

named as (

    select
        records.*,
        names.api_service,
        names.endpoint,
        names.is_service_known,
        {{ pairing_key('records.campaign_id', 'names.api_service', 'names.endpoint') }} as pairing_key
    from records
    left join names
        on
            coalesce(records.recorded_service, '') = coalesce(names.recorded_service, '')
            and coalesce(records.recorded_endpoint, '') = coalesce(names.recorded_endpoint, '')

)

select * from named
