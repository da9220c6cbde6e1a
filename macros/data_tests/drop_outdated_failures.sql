{# For on-run-end: drops the failures that a test stored before the database began to keep its rule. #}
{% macro drop_outdated_failures() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set outdated = [] %}
    {% for test in results | map(attribute='node') if 'kept_by_the_database' in (test.compiled_code or '') %}
        {% set failures = load_cached_relation(api.Relation.create(
            database=test.database, schema=test.schema, identifier=test.alias
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
