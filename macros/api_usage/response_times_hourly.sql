{#
  Single calls by service, date, hour and bucket of response time, from the rows of `blocks` that `where` lets
  through.
#}
{% macro response_times_hourly(blocks='blocks', where='true') -%}
    select
        api_service,
        call_date,
        call_hour,
        response_time_bucket,
        count(*) as call_count
    from {{ blocks }}
    cross join lateral {{ unnest('response_time_buckets') }} as buckets (response_time_bucket)
    where is_counted and {{ where }}
    group by api_service, call_date, call_hour, response_time_bucket
{%- endmacro %}
