{#
  A call that counts, defined once. These macros give the records of the three logs, with canonical names, a price and
  the other half of their pair, and say which of them are calls. `part` is what they are for:

  all       everything, row by row: int_api_calls
  settled   what rollups hold: what lies below the run's watermark, of that what is in `window` (see rollup_window)
  live      what the rollup of the name `rollup` does not hold: what lies above its watermark, and the open ends that it
            has kept (see open_ends)
#}


{# Every record of the three logs, as recorded. #}
{% macro recorded_api_records(part='all', window=none, rollup=none) -%}
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
        {{ is_in_part(part, window, rollup) }}
        and {{ is_no_kept_record('usage', 'api_usage', part) }}

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
        {{ is_in_part(part, window, rollup) }}
        and not exists (
            select 1
            from {{ ref('int_deleted_campaign_log_records') }} as deleted
            where log.campaign_id is null and log.api_usage_log_id = deleted.record_id
        )
        and {{ is_no_kept_record('log', 'api_usage_log', part) }}

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
        {{ is_in_part(part, window, rollup, column='source_date') }}
        and {{ is_no_kept_record('tracking', 'api_cost_tracking', part) }}
{%- endmacro %}


{# The condition that no kept sums of an hour count the record already. The live part has no hours that are kept. #}
{% macro is_no_kept_record(records, source_table, part) -%}
    {%- set kept = ref('int_pruned_hour_records') -%}
    {%- if part == 'live' -%}
        true
    {%- else -%}
        not exists (
            select 1
            from {{ kept }} as kept
            where kept.source_table = '{{ source_table }}' and kept.record_id = {{ records }}.{{ source_table }}_id
        )
    {%- endif -%}
{%- endmacro %}


{# Every record of the three logs, with canonical names and a price. #}
{% macro priced_records(part='all', window=none, rollup=none) -%}
    with recorded as (

        {{ recorded_api_records(part, window, rollup) }}

    ),

    names as (

        {{ api_names('recorded') }}

    ),

    named as (

        {{ named_api_records('recorded', 'names') }}

    ),

    priced as (

        {{ priced_api_records('named') }}

    )

    select * from priced
{%- endmacro %}


{#
  Priced records with the other half of their pair, and whether they are calls, each call once: DECISIONS.md, "Which log
  wins". An open end is no part of a rollup: a record close below the watermark, or above the far end of the live part,
  that has found no other half yet, which may lie beyond.
#}
{% macro counted_api_records(records, part='all', rollup=none) -%}
    {%- set tolerance = var('api_log_match_tolerance_seconds') -%}
    with paired as (

        select
            paired.*,
            {{ utc_hour('created_at') }} as utc_hour
        from (

            {{ paired_api_records(records) }}

        ) as paired

    ),

    hourly_sums as (

        select
            pairing_key,
            campaign_id,
            api_service,
            endpoint,
            utc_hour
        from paired
        where source_table = 'api_cost_tracking'

    ),

    -- what has an hourly sum of calls that a log has; not a join, whose size the server would overrate by far
    logged as (

        select
            pairing_key,
            utc_hour
        from paired
        where pairing_key in (select pairing_key from hourly_sums)
        group by pairing_key, utc_hour
        having min(source_table) = 'api_cost_tracking' and max(source_table) <> 'api_cost_tracking'
        union
        select
            hourly_sums.pairing_key,
            hourly_sums.utc_hour
        from hourly_sums
        inner join {{ ref('int_deleted_campaign_hours') }} as deleted_hours
            on
                hourly_sums.campaign_id = deleted_hours.campaign_id
                and hourly_sums.api_service = deleted_hours.api_service
                and coalesce(hourly_sums.endpoint, '') = deleted_hours.endpoint
                and hourly_sums.utc_hour = deleted_hours.utc_hour
        {%- if part == 'live' %}
        union
        select
            hourly_sums.pairing_key,
            hourly_sums.utc_hour
        from hourly_sums
        inner join {{ ref('int_api_records_hourly_rollup') }} as settled
            on
                hourly_sums.utc_hour = settled.utc_hour
                and hourly_sums.pairing_key
                = {{ pairing_key('settled.campaign_id', 'settled.api_service', 'settled.endpoint') }}
        where
            settled.source_table <> 'api_cost_tracking'
            and settled.utc_hour = {{ utc_hour(rollup_watermark(rollup)) }}
        {%- endif %}

    )

    select
        paired.*,
        case
            when paired.source_table = 'api_usage' then paired.paired_credits_used else paired.credits_used
        end as call_credits_used,
        {%- set priced_by_credits = 'paired.credit_price * paired.paired_credits_used' %}
        {%- set has_no_cost = 'paired.credit_price is not null and coalesce(paired.cost, 0) = 0' %}
        case when {{ has_no_cost }} then coalesce({{ possible_cost(priced_by_credits) }}, paired.cost) else paired.cost end
            as call_cost,
        coalesce(paired.list_cost, {{ possible_cost(priced_by_credits) }}) as call_list_cost,
        paired.is_cost_estimated or ({{ has_no_cost }} and paired.paired_credits_used is not null)
            as is_call_cost_estimated,
        case paired.source_table
            when 'api_usage' then true
            when 'api_usage_log' then paired.paired_record_id is null
            else logged.pairing_key is null and repeated.endpoint is null
        end as is_counted,
        {%- if part == 'settled' %}
        paired.source_table <> 'api_cost_tracking'
        and paired.paired_record_id is null
        and (
            {{ is_above(run_watermark(), seconds_later('paired.created_at', tolerance)) }}
            or {{ is_above(run_watermark(), seconds_later('paired.created_at', -tolerance)) }}
        ) as is_open_end
        {%- else %}
        false as is_open_end
        {%- endif %}
    from paired
    left join logged
        on
            paired.source_table = 'api_cost_tracking'
            and paired.pairing_key = logged.pairing_key
            and paired.utc_hour = logged.utc_hour
    left join {{ ref('repeating_endpoints') }} as repeated
        on
            paired.source_table = repeated.source_table
            and paired.endpoint = repeated.endpoint
{%- endmacro %}


{# Every record of the three logs, with all that the macros above say of it. #}
{% macro api_records(part='all', window=none, rollup=none) -%}
    with priced as (

        {{ priced_records(part, window, rollup) }}
        {%- if part == 'live' %}

        union all

        {{ open_ends(rollup) }}
        {%- endif %}

    ),

    counted as (

        {{ counted_api_records('priced', part, rollup) }}

    )

    select * from counted
{%- endmacro %}


{#
  The open ends that the run has kept for the live part of a rollup. The live part counts them with what lies above the
  watermark, and so reads nothing below it.
#}
{% macro open_ends(rollup) -%}
    select
        source_table,
        record_id,
        campaign_id,
        user_id,
        lead_id,
        recorded_service,
        api_service,
        endpoint,
        {{ pairing_key('campaign_id', 'api_service', 'endpoint') }} as pairing_key,
        error_message,
        request_count,
        success_count,
        error_count,
        recorded_cost,
        list_cost,
        cost,
        response_time_ms,
        http_status_code,
        rate_limit_remaining,
        credits_used,
        is_service_known,
        credit_price,
        is_cost_estimated,
        created_at
    from {{ ref('int_api_open_ends') }}
    where version = {{ rollup_version(rollup) }}
{%- endmacro %}


{#
  Records summed by UTC hour, hour of the reporting time zone, log, campaign, user, service and endpoint: those that are
  calls, and those that are not. Each open end is a row of its own.
#}
{% macro api_records_hourly(part='all', window=none, rollup=none) -%}
    with records as (

        {{ api_records(part, window, rollup) }}

    ),

    hourly as (

        select
            utc_hour,
            {{ dbt.date_trunc('hour', local_time('created_at')) }} as local_hour,
            source_table,
            is_counted,
            campaign_id,
            user_id,
            api_service,
            endpoint,
            case when is_open_end then record_id end as open_record_id,
            sum(request_count) as request_count,
            sum(success_count) as success_count,
            sum(error_count) as error_count,
            count(paired_record_id) as paired_count,
            sum(call_cost) as cost,
            sum(case when is_call_cost_estimated then call_cost else 0 end) as estimated_cost,
            sum(call_list_cost) as list_cost,
            sum(cast(response_time_ms as {{ dbt.type_bigint() }}) * request_count) as timed_response_ms,
            sum(case when response_time_ms is not null then request_count else 0 end) as timed_request_count,
            sum(call_credits_used) as credits_used,
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
        from records
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9

    )

    select
        utc_hour,
        cast(local_hour as date) as call_date,
        cast(extract(hour from local_hour) as integer) as call_hour,
        source_table,
        is_counted,
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
        log_record_ids,
        open_record_id,
        cast(null as {{ type_timestamptz() }}) as kept_at
    from hourly
{%- endmacro %}
