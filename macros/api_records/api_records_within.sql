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
