{# Those of the paired records that are calls, each call once. DECISIONS.md, "Which log wins", has the rules. #}
{% macro counted_api_records(records) -%}
    with logged_hours as (

        select distinct
            pairing_key,
            utc_hour
        from {{ records }}
        where source_table in ('api_usage', 'api_usage_log')

    )

    select
        records.*,
        case
            when records.source_table = 'api_usage' then records.paired_credits_used else records.credits_used
        end as call_credits_used
    from {{ records }} as records
    left join logged_hours
        on
            records.pairing_key = logged_hours.pairing_key
            and records.utc_hour = logged_hours.utc_hour
    left join {{ ref('int_deleted_campaign_hours') }} as deleted_hours
        on {{ is_of_deleted_hour('records') }}
    where
        records.source_table = 'api_usage'
        or (records.source_table = 'api_usage_log' and records.paired_record_id is null)
        or (
            records.source_table = 'api_cost_tracking'
            and logged_hours.pairing_key is null
            and deleted_hours.campaign_id is null
        )
{%- endmacro %}
