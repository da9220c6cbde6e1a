{# The service that an alias names, else the name as recorded, tidied; 'unknown' if there is none. #}
{% macro canonical_service(recorded_service, aliased_service) -%}
    coalesce({{ aliased_service }}, {{ unlisted_name(recorded_service) }}, 'unknown')
{%- endmacro %}


{# A computed cost; NULL where no recorded cost, numeric(10,4), could be as large. #}
{% macro possible_cost(cost) -%}
    case when {{ cost }} between -999999.9999 and 999999.9999 then cast({{ cost }} as {{ type_money() }}) end
{%- endmacro %}


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


{# Named records with their list price, and with that as their cost where none is recorded. #}
{% macro priced_api_records(records) -%}
    with priced as (

        select
            records.*,
            {{ possible_cost('prices.list_price_usd * records.request_count') }} as list_cost
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
        cast(list_cost as {{ type_money() }}) as list_cost,
        cast(coalesce(recorded_cost, list_cost) as {{ type_money() }}) as cost,
        response_time_ms,
        http_status_code,
        rate_limit_remaining,
        credits_used,
        is_service_known,
        recorded_cost is null and list_cost is not null as is_cost_estimated,
        created_at
    from priced
{%- endmacro %}


{# Every record of the three logs within a window (see window_filter), with canonical names and a price. #}
{% macro api_records_within(window) -%}
    {%- set records = '(' ~ unioned_api_records(window) ~ ')' -%}
    with names as (

        {{ api_names(records) }}

    ),

    named as (

        {{ named_api_records(records, 'names') }}

    ),

    priced as (

        {{ priced_api_records('named') }}

    )

    select * from priced
{%- endmacro %}


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
