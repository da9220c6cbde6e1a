{#
  Of rows with the same key, the one written last. Nothing where the database keeps the key unique, as it should, because
  to look through a table for that takes long. Nor of a partitioned table, whose keys are unique by partition at best, and
  whose size forbids it; nor of a view, where no row has a place.
#}
{% macro where_key_is_not_repeated(table_name) %}
    {{- return(adapter.dispatch('where_key_is_not_repeated', 'leadgen_analytics')(table_name)) -}}
{% endmacro %}


{% macro postgres__where_key_is_not_repeated(table_name) -%}
    {%- set table = source('app', table_name) -%}
    {%- set key = 'id' if 'id' in declared_source(table_name).columns else 'user_id' -%}
    {%- set readable = system_columns(table_name) + (source_columns(table_name).keys() | list) -%}
    {%- if [key, 'ctid', 'tableoid'] | reject('in', readable) | list -%}{{ return('') }}{%- endif -%}
    {%- if is_enforced({'table': table_name, 'columns': [key], 'unique': true}) -%}{{ return('') }}{%- endif -%}
    {%- if run_query("select relkind from pg_class where oid = " ~ oid_of(table)).rows[0][0] == 'r' -%}
        where not exists (
            select
            from {{ table }} as newer
            where
                newer.{{ key }} = stored.{{ key }}
                and (newer.tableoid, newer.ctid) > (stored.tableoid, stored.ctid)
        )
    {%- endif -%}
{%- endmacro %}
