{% macro declared_source(table_name) %}
    {% if not execute %}{{ return(none) }}{% endif %}
    {% set source_id = 'source.' ~ project_name ~ '.app.' ~ table_name %}
    {{ return(graph.get('sources', {}).get(source_id)) }}
{% endmacro %}
