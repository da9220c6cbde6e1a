{# dbt's own rule, but that a test that reads nothing has nothing to store. #}
{% macro should_store_failures() %}
    {% set configured = config.get('store_failures') %}
    {% set is_stored = flags.STORE_FAILURES if configured is none else configured %}
    {{ return(is_stored and not enforced_rule()) }}
{% endmacro %}
