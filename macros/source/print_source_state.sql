{#
  What scripts/doctor asks the macros, so that it and a run cannot say different things:

      dbt run-operation print_source_state
#}
{% macro print_source_state(statement_timeout_seconds=5) %}
    {{ return(adapter.dispatch('print_source_state', 'leadgen_analytics')(statement_timeout_seconds)) }}
{% endmacro %}


{% macro postgres__print_source_state(statement_timeout_seconds=5) %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% do begin_operation() %}
    {% call statement('read_only') %}
        set transaction read only;
        set local statement_timeout = '{{ statement_timeout_seconds | float }}s';
        set local lock_timeout = '1s'
    {% endcall %}
    {% set state = inspect_source() %}
    {% set unversioned = [] %}
    {% for tables in tracked_sources().values() %}
        {% for table in tables if state.present[table] and 'xmin' not in system_columns(table) %}
            {% do unversioned.append(table) %}
        {% endfor %}
    {% endfor %}
    {% set unusable = bad_variables() %}
    {% do state.update({
        'bad_variables': unusable,
        'keep_sums_before': var('keep_sums_before') | string if var('keep_sums_before') else none,
        'pruned_hours': none if unusable else pruned_hours(),
        'bad_source': bad_source(state),
        'without_row_versions': unversioned,
        'target_schema': target.schema,
        'clock_skew_tolerance_minutes': var('clock_skew_tolerance_minutes'),
        'reporting_timezone': var('reporting_timezone') | string,
    }) %}
    {% do rollback_operation() %}
    {% do print(state | tojson) %}
    {{ return('') }}
{% endmacro %}
