{#
  Calls by campaign, the user that they record, date and hour, summed from the rows of `blocks` that `where` lets
  through.
#}
{% macro campaign_usage_hourly(blocks='blocks', where='true') -%}
    select
        campaign_id,
        user_id,
        call_date,
        call_hour,
        {%- for column in ['request_count', 'success_count', 'error_count', 'timed_request_count'] %}
        cast(sum({{ column }}) as {{ dbt.type_bigint() }}) as {{ column }},
        {%- endfor %}
        cast(sum(cost) as {{ type_money() }}) as total_cost,
        cast(sum(timed_response_ms) as numeric(38, 4)) as timed_response_ms
    from {{ blocks }}
    where is_counted and {{ where }}
    group by campaign_id, user_id, call_date, call_hour
{%- endmacro %}
