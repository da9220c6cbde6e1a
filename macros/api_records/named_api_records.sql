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
