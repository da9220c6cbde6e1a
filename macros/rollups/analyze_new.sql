{# A post-hook of incremental models: statistics for a table that has none, as after its first build. #}
{% macro analyze_new() %}
    {{- return(adapter.dispatch('analyze_new', 'leadgen_analytics')()) -}}
{% endmacro %}


{# The server gathers them a minute later by itself. Until then the marts would be planned for tables of unknown size. #}
{% macro postgres__analyze_new() -%}
    {%- set is_new = execute and run_query(
        "select reltuples <= 0 from pg_class where oid = to_regclass('" ~ this.include(database=false) ~ "')"
    ).rows[0][0] -%}
    {{ 'analyze ' ~ this if is_new or flags.FULL_REFRESH }}
{%- endmacro %}
