{#
  Records of the three logs within a window, summed by block of time, hour, campaign, user, service, endpoint and log: those
  that are calls, and those that are not. Only whole blocks that have another block of the window on either side are right,
  and sums of api_cost_tracking only where the window has the whole UTC hour.
#}
{% macro api_usage_blocks(window=none) -%}
    {%- set records = '(' ~ unioned_api_records(window) ~ ')' -%}
    with names as (

        {{ api_names(records) }}

    ),

    named as (

        {{ named_api_records(records, 'names') }}

    ),

    priced as (

        {{ priced_api_records('named') }}

    ),

    paired as (

        {{ paired_api_records('priced') }}

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
        block_start,
        cast(local_hour as date) as call_date,
        cast(extract(hour from local_hour) as integer) as call_hour,
        source_table,
        case source_table
            when 'api_usage' then true
            when 'api_usage_log' then not is_second_record
            else not {{ dbt.bool_or("source_table <> 'api_cost_tracking'") }} over (
                partition by pairing_key, utc_hour
            )
        end as is_counted,
        campaign_id,
        user_id,
        api_service,
        endpoint,
        {%- for column in ['request_count', 'success_count', 'error_count', 'paired_count'] %}
        cast({{ column }} as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        cast(cost as {{ type_money() }}) as cost,
        cast(estimated_cost as {{ type_money() }}) as estimated_cost,
        cast(list_cost as {{ type_money() }}) as list_cost,
        cast(timed_response_ms as numeric(38, 4)) as timed_response_ms,
        cast(timed_request_count as {{ dbt.type_bigint() }}) as timed_request_count,
        cast(credits_used as {{ dbt.type_bigint() }}) as credits_used,
        last_rate_limit,
        last_error,
        last_error_status,
        last_successful_call,
        last_seen_at,
        response_time_buckets,
        log_record_ids
    from blocks
{%- endmacro %}
