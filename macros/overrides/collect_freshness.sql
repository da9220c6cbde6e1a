{# A table that this database lacks has nothing that could be late. #}
{% macro postgres__collect_freshness(source, loaded_at_field, filter) %}
    {% if source_columns(source.identifier) %}
        {{ return(dbt.default__collect_freshness(source, loaded_at_field, filter)) }}
    {% endif %}
    {% call statement('collect_freshness', fetch_result=true, auto_begin=false) %}
        select current_timestamp as max_loaded_at, current_timestamp as snapshotted_at
    {% endcall %}
    {{ return(load_result('collect_freshness')) }}
{% endmacro %}
