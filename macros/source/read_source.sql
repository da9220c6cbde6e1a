{% macro read_source(table_name) %}
    {%- set relation = source('app', table_name) -%}
    {%- set present = source_columns(table_name) -%}
    {%- set declared = declared_source(table_name).columns if execute else {} -%}
    select
    {%- for column in declared.values() %}
        {%- if column.data_type == 'point' %}
        {{ coordinate(column.name, present.get(column.name), 'x') }} as {{ column.name }}_x,
        {{ coordinate(column.name, present.get(column.name), 'y') }} as {{ column.name }}_y
        {%- else %}
        {{ cast_source_column(column.name, present.get(column.name), column.data_type) }} as {{ adapter.quote(column.name) }}
        {%- endif %}
        {{- ',' if not loop.last }}
    {%- else %}
        *
    {%- endfor %}
    {%- if present or not execute %}
    from {{ relation }}
    {%- else %}
    where false
    {%- endif %}
{%- endmacro %}
