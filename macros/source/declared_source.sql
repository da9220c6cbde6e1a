{% macro declared_source(table_name) %}
    {% if not execute %}{{ return(none) }}{% endif %}
    {% for source_name in ('app', 'audit') %}
        {% set source_id = 'source.' ~ project_name ~ '.' ~ source_name ~ '.' ~ table_name %}
        {% if source_id in graph.get('sources', {}) %}
            {{ return(graph.sources[source_id]) }}
        {% endif %}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}
