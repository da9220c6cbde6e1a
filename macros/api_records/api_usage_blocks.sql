{#
  Records of the three logs within a window, summed by block of time, hour, campaign, user, service, endpoint and log:
  those that are calls, and those that are not. Only whole blocks that have another block of the window on either side
  are right, and sums of api_cost_tracking only where the window has the whole UTC hour.
#}
{% macro api_usage_blocks(window=none) -%}
    with records as (

        {{ api_records_within(window) }}

    ),

    paired as (

        {{ paired_api_records('records') }}

    ),

    blocks as (

        select
            {{ epoch_block('created_at', pairing_block_seconds()) }} as block_start,
            {{ dbt.date_trunc('hour', local_time('created_at')) }} as local_hour,
            {{ utc_hour('created_at') }} as utc_hour,
            source_table,
            source_table = 'api_usage_log' and paired_record_id is not null as is_second_record,
            pairing_key,
            campaign_id,
            user_id,
            api_service,
            endpoint,
            sum(request_count) as request_count,
            sum(success_count) as success_count,
            sum(error_count) as error_count,
            count(paired_record_id) as paired_count,
            sum(cost) as cost,
            sum(case when is_cost_estimated then cost else 0 end) as estimated_cost,
            sum(list_cost) as list_cost,
            sum(cast(response_time_ms as {{ dbt.type_bigint() }}) * request_count) as timed_response_ms,
            sum(case when response_time_ms is not null then request_count else 0 end) as timed_request_count,
            sum(case when source_table = 'api_usage' then paired_credits_used else credits_used end) as credits_used,
            {{ newest_entry('rate_limit_remaining', 'created_at', 'record_id') }} as last_rate_limit,
            {{ newest_entry('case when error_count > 0 then error_message end', 'created_at', 'record_id') }}
                as last_error,
            {{ newest_entry('case when error_count > 0 then http_status_code end', 'created_at', 'record_id') }}
                as last_error_status,
            max(case when source_table <> 'api_cost_tracking' and success_count > 0 then created_at end)
                as last_successful_call,
            max(created_at) as last_seen_at,
            -- an hourly sum has an average only, which says nothing about a percentile
            array_agg({{ response_time_bucket('response_time_ms') }})
                filter (where source_table <> 'api_cost_tracking' and response_time_ms is not null)
                as response_time_buckets,
            array_agg(case when source_table = 'api_usage_log' then record_id else paired_record_id end)
                filter (
                    where campaign_id is not null and (source_table = 'api_usage_log' or paired_record_id is not null)
                ) as log_record_ids
        from paired
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

    )

    select
        blocks.block_start,
        cast(blocks.local_hour as date) as call_date,
        cast(extract(hour from blocks.local_hour) as integer) as call_hour,
        blocks.source_table,
        case blocks.source_table
            when 'api_usage' then true
            when 'api_usage_log' then not blocks.is_second_record
            else
                deleted_hours.campaign_id is null
                and not {{ dbt.bool_or("blocks.source_table <> 'api_cost_tracking'") }} over (
                    partition by blocks.pairing_key, blocks.utc_hour
                )
        end as is_counted,
        blocks.campaign_id,
        blocks.user_id,
        blocks.api_service,
        blocks.endpoint,
        {%- for column in ['request_count', 'success_count', 'error_count', 'paired_count'] %}
        cast(blocks.{{ column }} as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        cast(blocks.cost as {{ type_money() }}) as cost,
        cast(blocks.estimated_cost as {{ type_money() }}) as estimated_cost,
        cast(blocks.list_cost as {{ type_money() }}) as list_cost,
        cast(blocks.timed_response_ms as numeric(38, 4)) as timed_response_ms,
        cast(blocks.timed_request_count as {{ dbt.type_bigint() }}) as timed_request_count,
        cast(blocks.credits_used as {{ dbt.type_bigint() }}) as credits_used,
        blocks.last_rate_limit,
        blocks.last_error,
        blocks.last_error_status,
        blocks.last_successful_call,
        blocks.last_seen_at,
        blocks.response_time_buckets,
        blocks.log_record_ids,
        cast(null as {{ type_timestamptz() }}) as kept_at
    from blocks
    left join {{ ref('int_deleted_campaign_hours') }} as deleted_hours
        on {{ is_of_deleted_hour('blocks') }}
{%- endmacro %}


{#
  The condition that joins int_deleted_campaign_hours, as deleted_hours, to the recorded hourly sums of the same
  calls.
#}
{% macro is_of_deleted_hour(records) -%}
    {{ records }}.source_table = 'api_cost_tracking'
    and {{ records }}.campaign_id = deleted_hours.campaign_id
    and {{ records }}.api_service = deleted_hours.api_service
    and coalesce({{ records }}.endpoint, '') = deleted_hours.endpoint
    and {{ records }}.utc_hour = deleted_hours.utc_hour
{%- endmacro %}
