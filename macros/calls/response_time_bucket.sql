{#
  The number of the bucket of a response time. Each bucket reaches 5 % further than the one before, so that its middle
  is within 2.5 % of every time in it, and buckets of any two sets of calls can be added up, which percentiles cannot.
#}
{% macro response_time_bucket(milliseconds) -%}
    {%- set number = 'cast(' ~ milliseconds ~ ' as double precision)' -%}
    cast(
        sign({{ number }}) * round(1 + ln(greatest(abs({{ number }}), 1)) / ln(cast(1.05 as double precision)))
        as smallint
    )
{%- endmacro %}


{# The middle of a bucket, milliseconds. #}
{% macro response_time_of(bucket) -%}
    sign({{ bucket }}) * power(cast(1.05 as double precision), abs({{ bucket }}) - 1)
{%- endmacro %}
