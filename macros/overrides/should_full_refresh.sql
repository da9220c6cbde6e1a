{# dbt's own rule, and: a rollup whose definition is not the one that it was built with is built in full. #}
{% macro should_full_refresh() %}
    {% set configured = config.get('full_refresh') %}
    {% if configured is not none %}{{ return(configured) }}{% endif %}
    {% if flags.FULL_REFRESH %}{{ return(true) }}{% endif %}
    {% if not this_rollup() %}{{ return(false) }}{% endif %}
    {% set built = run_query(
        "select definition from " ~ rollup_state() ~ " where rollup = '" ~ model.name ~ "'"
    ).rows %}
    {{ return(not built or built[0][0] != rollup_definition()) }}
{% endmacro %}
