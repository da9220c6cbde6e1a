{#
  Records and calls by service and date, summed from the rows of `blocks` that `where` lets through. Records are what
  the logs hold, calls are what of it counts.
#}
{% macro service_usage_daily(blocks='blocks', where='true', response_times='response_times') -%}
    with days as (

        select
            api_service,
            call_date,
            {%- for column in ['request_count', 'success_count', 'timed_request_count'] %}
            cast(sum(case when is_counted then {{ column }} end) as {{ dbt.type_bigint() }}) as {{ column }},
            {%- endfor %}
            {%- for column in ['cost', 'list_cost'] %}
            cast(sum(case when is_counted then {{ column }} end) as {{ type_money() }}) as {{ column }},
            {%- endfor %}
            cast(sum(case when is_counted then timed_response_ms end) as numeric(38, 4)) as timed_response_ms,
            count(distinct case when is_counted then campaign_id end) as active_campaigns,
            {%- for name, source_table in {
                'usage': 'api_usage', 'log': 'api_usage_log', 'tracking': 'api_cost_tracking',
            }.items() %}
            cast(sum(case when source_table = '{{ source_table }}' then request_count else 0 end) as {{ dbt.type_bigint() }})
                as {{ name }}_calls,
            cast(coalesce(sum(case when source_table = '{{ source_table }}' then cost end), 0) as {{ type_money() }})
                as {{ name }}_cost,
            {%- endfor %}
            cast(sum(case when source_table = 'api_usage' then paired_count else 0 end) as {{ dbt.type_bigint() }})
                as paired_calls,
            {%- for name, source_table in {'log': 'api_usage_log', 'tracking': 'api_cost_tracking'}.items() %}
            cast(
                sum(case when is_counted and source_table = '{{ source_table }}' then request_count else 0 end)
                as {{ dbt.type_bigint() }}
            ) as {{ name }}_only_calls{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ blocks }}
        where {{ where }}
        group by api_service, call_date

    ),

    percentiles as (

        {{ response_time_percentiles(response_times, ['api_service', 'call_date'], [50, 95, 99]) }}

    )

    select
        days.*,
        percentiles.p50_response_time_ms,
        percentiles.p95_response_time_ms,
        percentiles.p99_response_time_ms
    from days
    left join percentiles
        on
            days.api_service = percentiles.api_service
            and days.call_date = percentiles.call_date
{%- endmacro %}
