{# A pre-hook of the rollups: how their statements are to be planned. #}
{% macro plan_for_volume() %}
    {{- return(adapter.dispatch('plan_for_volume', 'leadgen_analytics')()) -}}
{% endmacro %}


{#
  The planner knows nothing of what comes out of a CTE, takes a hash of it for a bad one, and sorts millions of wide
  rows for a merge join instead: twice the time at a million calls.
#}
{% macro postgres__plan_for_volume() -%}
    set local enable_mergejoin = off
{%- endmacro %}
