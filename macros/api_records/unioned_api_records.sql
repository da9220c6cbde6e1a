{# Every record of the three logs within a window (see window_filter), as recorded. #}
{% macro unioned_api_records(window=none) -%}
    select
        'api_usage' as source_table,
        api_usage_id as record_id,
        campaign_id,
        user_id,
        lead_id,
        recorded_service,
        recorded_endpoint,
        1 as request_count,
        case when is_success then 1 else 0 end as success_count,
        case when not is_success then 1 else 0 end as error_count,
        cast(cost as {{ type_money() }}) as recorded_cost,
        response_time_ms,
        http_status_code,
        error_message,
        rate_limit_remaining,
        cast(null as integer) as credits_used,
        created_at
    from {{ ref('stg_api_usage') }} as usage
    where
        {{ window_filter(window) }}
        and {{ is_no_kept_record('usage', 'api_usage', window) }}

    union all

    select
        'api_usage_log' as source_table,
        api_usage_log_id as record_id,
        campaign_id,
        cast(null as {{ type_uuid() }}) as user_id,
        cast(null as {{ type_uuid() }}) as lead_id,
        recorded_service,
        recorded_endpoint,
        1 as request_count,
        case when is_success then 1 else 0 end as success_count,
        case when not is_success then 1 else 0 end as error_count,
        cast(cost as {{ type_money() }}) as recorded_cost,
        response_time_ms,
        http_status_code,
        cast(null as {{ dbt.type_string() }}) as error_message,
        cast(null as integer) as rate_limit_remaining,
        credits_used,
        created_at
    from {{ ref('stg_api_usage_log') }} as log
    where
        {{ window_filter(window) }}
        and not exists (
            select 1
            from {{ ref('int_deleted_campaign_log_records') }} as deleted
            where log.campaign_id is null and log.api_usage_log_id = deleted.record_id
        )
        and {{ is_no_kept_record('log', 'api_usage_log', window) }}

    union all

    select
        'api_cost_tracking' as source_table,
        api_cost_tracking_id as record_id,
        campaign_id,
        cast(null as {{ type_uuid() }}) as user_id,
        lead_id,
        recorded_service,
        recorded_endpoint,
        request_count,
        success_count,
        error_count,
        cast(cost as {{ type_money() }}) as recorded_cost,
        avg_response_time_ms as response_time_ms,
        cast(null as integer) as http_status_code,
        cast(null as {{ dbt.type_string() }}) as error_message,
        rate_limit_remaining,
        cast(null as integer) as credits_used,
        created_at
    from {{ ref('stg_api_cost_tracking') }} as tracking
    where
        {{ window_filter(window, column='source_date') }}
        and {{ is_no_kept_record('tracking', 'api_cost_tracking', window) }}
{%- endmacro %}


{# The condition that no kept sums of an hour count the record already. The live part has no hours that are kept. #}
{% macro is_no_kept_record(records, source_table, window) -%}
    {%- set kept = ref('int_pruned_hour_records') -%}
    {%- if window == 'live' -%}
        true
    {%- else -%}
        not exists (
            select 1
            from {{ kept }} as kept
            where kept.source_table = '{{ source_table }}' and kept.record_id = {{ records }}.{{ source_table }}_id
        )
    {%- endif -%}
{%- endmacro %}
