with sides as (

    select * from {{ ref('int_api_reconciliation_sides') }}

),

summed as (

    select
        api_service,
        {%- for column in [
            'usage_calls', 'log_calls', 'tracking_calls', 'paired_calls', 'log_only_calls', 'tracking_only_calls'
        ] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        {%- for column in ['usage_cost', 'log_cost', 'tracking_cost', 'counted_cost'] %}
        cast(coalesce(sum({{ column }}), 0) as {{ type_money() }}) as {{ column }},
        {%- endfor %}
        record_date
    from sides
    group by api_service, record_date

)

select
    api_service,
    record_date as date,
    usage_calls,
    log_calls,
    tracking_calls,
    paired_calls,
    usage_calls - paired_calls as usage_only_calls,
    log_only_calls,
    tracking_only_calls,
    usage_calls + log_only_calls + tracking_only_calls as counted_calls,
    usage_cost,
    log_cost,
    tracking_cost,
    counted_cost,
    cast(usage_cost + log_cost + tracking_cost - counted_cost as {{ type_money() }}) as double_count_avoided
from summed
