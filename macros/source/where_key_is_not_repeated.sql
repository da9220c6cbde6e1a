{#
  Of rows with the same key, the one written last. Nothing where the database keeps the key unique, as it should: to look
  through a table for that takes long. Nor of a view, where no row has a place.
#}
{% macro where_key_is_not_repeated(table_name) %}
    {{- return(adapter.dispatch('where_key_is_not_repeated', 'leadgen_analytics')(table_name)) -}}
{% endmacro %}


{% macro postgres__where_key_is_not_repeated(table_name) -%}
    {%- set key = 'id' if 'id' in declared_source(table_name).columns else 'user_id' -%}
    {%- if 'ctid' not in system_columns(table_name) or key not in source_columns(table_name) -%}
        {{ return('') }}
    {%- endif -%}
    {%- if not is_enforced({'table': table_name, 'columns': [key], 'unique': true}) -%}
        where not exists (
            select
            from {{ source('app', table_name) }} as newer
            where newer.{{ key }} = stored.{{ key }} and newer.ctid > stored.ctid
        )
    {%- endif -%}
{%- endmacro %}
