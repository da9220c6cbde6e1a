{# For on-run-end: drops the failures that a test stored before the database began to keep its rule. #}
{% macro drop_outdated_failures() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set outdated = [] %}
    {% for result in results if result.node.relation_name and 'kept_by_the_database' in (result.node.compiled_code or '') %}
        {% set failures = load_cached_relation(api.Relation.create(
            database=result.node.database, schema=result.node.schema, identifier=result.node.alias
        )) %}
        {% do outdated.append(failures) if failures %}
    {% endfor %}
    {% if outdated %}
        {% call statement('drop_outdated_failures') %}
            {% for failures in outdated %}
                {{ get_drop_sql(failures) }};
            {% endfor %}
        {% endcall %}
        {% do adapter.commit() %}
    {% endif %}
    {{ return('') }}
{% endmacro %}
