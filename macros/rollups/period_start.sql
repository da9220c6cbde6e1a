{# The start of the block, hour or day in the reporting time zone that a time lies in. #}
{% macro period_start(timestamp, period) %}
    {{- return(adapter.dispatch('period_start', 'leadgen_analytics')(timestamp, period)) -}}
{% endmacro %}


{# On the day clocks go back, date and hour name two hours; the period starts with the first of them. #}
{% macro postgres__period_start(timestamp, period) -%}
    {%- if period == 'block' -%}
        {{ timestamp }}
    {%- else -%}
        {%- set start = "date_trunc('" ~ period ~ "', " ~ timestamp ~ ", '" ~ var('reporting_timezone') ~ "')" -%}
        {%- set hour_before = '(' ~ start ~ " - interval '1 hour')" -%}
        case when {{ local_time(hour_before) }} = {{ local_time(start) }} then {{ hour_before }} else {{ start }} end
    {%- endif -%}
{%- endmacro %}
