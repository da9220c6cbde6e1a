{#
  The select that staging reads a table with. `tracked` names a time column and adds two columns, from which incremental
  models learn what has changed: source_<that column>, for filters that an index on it can serve, and row_version.
#}
{% macro read_source(table_name, tracked=none, repair_keys=true) %}
    {%- set relation = source('app', table_name) -%}
    {%- set present = source_columns(table_name) -%}
    {%- set declared = declared_source(table_name).columns if execute else {} -%}
    select
    {%- for column in declared.values() %}
        {%- set is_optional = not column.config.meta.get('required') %}
        {%- set value = cast_source_column(column.name, present.get(column.name), column.data_type) %}
        {%- if column.data_type == 'point' %}
        {{ coordinate(column.name, present.get(column.name), 'x') }} as {{ column.name }}_x,
        {{ coordinate(column.name, present.get(column.name), 'y') }} as {{ column.name }}_y
        {%- elif column.name == 'id' and (is_optional or repair_keys and may_lack_key(table_name)) %}
        {{ value_or_row_key(value, table_name) }} as id
        {%- else %}
        {{ value }} as {{ adapter.quote(column.name) }}
        {%- endif %}
        {{- ',' if tracked or not loop.last }}
    {%- else %}
        *
    {%- endfor %}
    {%- if tracked and execute %}
        {{ indexed_time(tracked, present.get(tracked), declared[tracked].data_type) }} as source_{{ tracked }},
        {{ row_version(table_name) }} as row_version
    {%- endif %}
    {%- if present or not execute %}
    from {{ relation }} as stored
    {{ where_key_is_not_repeated(table_name) if repair_keys }}
    {%- else %}
    where false
    {%- endif %}
{%- endmacro %}
