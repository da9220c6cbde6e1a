{% macro analyze_seed() %}
    {{- return(adapter.dispatch('analyze_seed', 'leadgen_analytics')()) -}}
{% endmacro %}


{#
  Without statistics the planner takes a seed of ten rows for hundreds, multiplies that through every join, and the
  estimate of a small query grows past the threshold at which the server compiles it for seconds (jit_above_cost).
#}
{% macro postgres__analyze_seed() -%}
    analyze {{ this }}
{%- endmacro %}
