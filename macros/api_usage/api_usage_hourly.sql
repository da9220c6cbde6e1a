{# Calls by campaign, service, endpoint, date and hour, summed from those rows of `blocks` that `where` lets through. #}
{% macro api_usage_hourly(blocks='blocks', where='true') -%}
    select
        campaign_id,
        case when min(cast(user_id as {{ dbt.type_string() }})) = max(cast(user_id as {{ dbt.type_string() }}))
            then cast(min(cast(user_id as {{ dbt.type_string() }})) as {{ type_uuid() }})
        end as user_id,
        api_service,
        endpoint,
        call_date,
        call_hour,
        {%- for column in ['request_count', 'success_count', 'error_count'] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        cast(sum(cost) as {{ type_money() }}) as total_cost,
        cast(sum(estimated_cost) as {{ type_money() }}) as estimated_cost,
        cast(sum(timed_response_ms) as numeric(38, 4)) as timed_response_ms,
        {%- for column in ['timed_request_count', 'credits_used'] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        cast({{ newest_value('max(last_rate_limit)') }} as integer) as rate_limit_remaining
    from {{ blocks }}
    where is_counted and {{ where }}
    group by campaign_id, api_service, endpoint, call_date, call_hour
{%- endmacro %}
