{% macro read_source(table_name) %}
    {%- set relation = source('app', table_name) -%}
    {%- set present = source_columns(table_name) -%}
    {%- set declared = declared_source(table_name).columns if execute else {} -%}
    select
    {%- for column in declared.values() %}
        {%- set value = cast_source_column(column.name, present.get(column.name), column.data_type) %}
        {%- if column.data_type == 'point' %}
        {{ coordinate(column.name, present.get(column.name), 'x') }} as {{ column.name }}_x,
        {{ coordinate(column.name, present.get(column.name), 'y') }} as {{ column.name }}_y
        {%- elif column.name == 'id' and not column.config.meta.get('required') %}
        coalesce({{ value }}, {{ hash_uuid(["'" ~ table_name ~ "'", 'row_number() over ()']) }}) as id
        {%- else %}
        {{ value }} as {{ adapter.quote(column.name) }}
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
