{# A time or date as an index on its column can serve it: uncleaned, so that it may be NULL or infinite. For filters. #}
{% macro indexed_time(column_name, actual_type, wanted_type) %}
    {{- return(adapter.dispatch('indexed_time', 'leadgen_analytics')(column_name, actual_type, wanted_type)) -}}
{% endmacro %}


{% macro postgres__indexed_time(column_name, actual_type, wanted_type) -%}
    {%- set column = adapter.quote(column_name) -%}
    {%- if actual_type == wanted_type -%}
        {{ column }}
    {%- elif actual_type in ('timestamp without time zone', 'date') and wanted_type == 'timestamp with time zone' -%}
        cast({{ column }} as timestamp without time zone) at time zone 'UTC'
    {%- else -%}
        {{ cast_source_column(column_name, actual_type, wanted_type) }}
    {%- endif -%}
{%- endmacro %}
