{# dbt asks this first of all, by a connection of its own. #}
{% macro postgres__list_schemas(database) %}
    {% if flags.WHICH in ('build', 'run', 'seed', 'test') %}
        {% do refuse(bad_session()) %}
        {% do mark_session() %}
    {% endif %}
    {{ return(dbt.postgres__list_schemas(database)) }}
{% endmacro %}


{# Asked next, by several connections at once, before anything is written. #}
{% macro postgres__list_relations_without_caching(schema_relation) %}
    {% do refuse(bad_session()) if flags.WHICH in ('build', 'run', 'seed', 'test') %}
    {{ return(dbt.postgres__list_relations_without_caching(schema_relation)) }}
{% endmacro %}
