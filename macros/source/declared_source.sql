{# The source's node of dbt's graph, its schema named as the database has it. #}
{% macro declared_source(table_name) %}
    {% if not execute %}{{ return(none) }}{% endif %}
    {% for source_name in ('app', 'audit') %}
        {% set source_id = 'source.' ~ project_name ~ '.' ~ source_name ~ '.' ~ table_name %}
        {% if source_id in graph.get('sources', {}) %}
            {% set node = graph.sources[source_id] %}
            {{ return(dict(node, schema=name_in_database(node.schema))) }}
        {% endif %}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}


{# app.yml doubles the quotation marks in its schema's name, because dbt quotes names without a look at what is in them. #}
{% macro name_in_database(schema) %}
    {{ return(schema | replace('""', '"')) }}
{% endmacro %}
