-- One row per service and date for each of two sides, to be summed: what the logs record, and what is counted.
with records as (

    select
        *,
        {{ local_date('created_at') }} as record_date
    from {{ ref('int_api_records') }}

),

calls as (

    select * from {{ ref('int_api_calls') }}

),

recorded as (

    select
        api_service,
        record_date,
        'recorded' as side,
        {%- for name, source_table in {
            'usage': 'api_usage', 'log': 'api_usage_log', 'tracking': 'api_cost_tracking',
        }.items() %}
        sum(case when source_table = '{{ source_table }}' then request_count else 0 end) as {{ name }}_calls,
        cast(sum(case when source_table = '{{ source_table }}' then cost end) as {{ type_money() }}) as {{ name }}_cost,
        {%- endfor %}
        0 as paired_calls,
        0 as log_only_calls,
        0 as tracking_only_calls,
        cast(null as {{ type_money() }}) as counted_cost
    from records
    group by api_service, record_date

),

counted as (

    select
        api_service,
        call_date as record_date,
        'counted' as side,
        {%- for name in ['usage', 'log', 'tracking'] %}
        0 as {{ name }}_calls,
        cast(null as {{ type_money() }}) as {{ name }}_cost,
        {%- endfor %}
        count(paired_record_id) as paired_calls,
        sum(case when source_table = 'api_usage_log' then request_count else 0 end) as log_only_calls,
        sum(case when source_table = 'api_cost_tracking' then request_count else 0 end) as tracking_only_calls,
        cast(sum(cost) as {{ type_money() }}) as counted_cost
    from calls
    group by api_service, call_date

),

sides as (

    select * from recorded
    union all
    select * from counted

)

select * from sides
