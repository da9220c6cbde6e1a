{# The time up to which a rollup is complete, exclusive; before all times if it has never been built. #}
{% macro rollup_watermark(rollup) %}
    {{- return(adapter.dispatch('rollup_watermark', 'leadgen_analytics')(rollup)) -}}
{% endmacro %}


{#
  A function, not a subquery: Postgres calls a stable function while it plans, and so knows that the live tail is
  short. For a subquery it assumes a third of the table, and reads all of it.
#}
{% macro postgres__rollup_watermark(rollup) -%}
    {{ function_name('rollup_watermark') }}('{{ rollup }}')
{%- endmacro %}


{# Security definer, because a view calls a function with the rights of whoever queries the view. #}
{% macro rollup_watermark_definition() -%}
    {{ function_name('rollup_watermark') }}(rollup_name text) returns timestamptz
    language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $function$
        select coalesce(
            (select state.watermark from {{ rollup_state() }} as state where state.rollup = rollup_name), '-infinity'
        )
    $function$
{%- endmacro %}


{# Where each rollup stands: rows below `watermark` are in it, and changes up to `version`. #}
{% macro rollup_state() -%}
    {{ function_name('rollup_state') }}
{%- endmacro %}


{% macro rollup_state_definition() -%}
    {{ rollup_state() }} (
        rollup text primary key,
        watermark timestamptz not null,
        version bigint not null,
        definition text not null
    )
{%- endmacro %}
