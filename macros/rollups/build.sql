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


{# The number of the run that a rollup has followed the source up to; 0 if it has never been built. #}
{% macro rollup_version(rollup) %}
    {{- return(adapter.dispatch('rollup_version', 'leadgen_analytics')(rollup)) -}}
{% endmacro %}


{% macro postgres__rollup_version(rollup) -%}
    {{ function_name('rollup_version') }}('{{ rollup }}')
{%- endmacro %}


{% macro rollup_version_definition() -%}
    {{ function_name('rollup_version') }}(rollup_name text) returns bigint
    language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $function$
        select coalesce((select state.version from {{ rollup_state() }} as state where state.rollup = rollup_name), 0)
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


{#
  A hash of all that a rollup's rows depend on but the source's: its SQL with the variables in it, that of the rollup
  it is summed from, the staging views, which follow the columns that the source has, and the seeds. The name of the
  database does not count: a copy, or one that is renamed, has the same rows.
#}
{% macro rollup_definition() %}
    {% set rollup = this_rollup() %}
    {% set sql = context[rollup.computed_by]() if rollup.computed_by else '' %}
    {% set sql = sql | replace(adapter.quote(target.database) ~ '.', '') %}
    {{ return(local_md5(model.raw_code ~ sql ~ run_query(basis_definition(rollup)).rows[0][0])) }}
{% endmacro %}


{% macro basis_definition(rollup) %}
    {{ return(adapter.dispatch('basis_definition', 'leadgen_analytics')(rollup)) }}
{% endmacro %}


{#
  Of staging views and seeds those that the rollup is made from: another may not be there yet, and is no reason to build
  this one anew when it comes.
#}
{% macro postgres__basis_definition(rollup) -%}
    {%- set schema = adapter.quote(target.schema ~ '_staging') -%}
    {%- set below, names = model.depends_on.nodes | list, [] -%}
    {#- which grows while it is gone through -#}
    {%- for node in below -%}
        {%- do names.append(node.split('.')[-1]) -%}
        {%- for parent in graph.nodes.get(node, {}).get('depends_on', {}).get('nodes', []) if parent not in below -%}
            {%- do below.append(parent) -%}
        {%- endfor -%}
    {%- endfor %}
    select md5(concat_ws(
        '|',
        (select definition from {{ rollup_state() }} where rollup = '{{ rollup.upstream }}'),
        (
            select string_agg(pg_get_viewdef(oid), '|' order by relname)
            from pg_class
            where
                relkind = 'v'
                and (
                    relnamespace = to_regnamespace('{{ schema }}') and relname in ('{{ names | join("', '") }}')
                    or relname in ('{{ rollup.get('reads', []) | join("', '") }}')
                )
        )
        {%- for seed in [
            'api_prices', 'endpoint_aliases', 'lead_grades', 'repeating_endpoints', 'service_aliases',
        ]
            if seed in names %},
        (select string_agg(cast(seed as text), '|' order by cast(seed as text)) from {{ schema }}.{{ seed }} as seed)
        {%- endfor %}
    ))
{%- endmacro %}


{#
  An incremental strategy: what lies in the window goes, and what has been computed for it comes. A rollup that writes more
  than its window names in `meta.rollup.replaces` a macro with the condition on the rows that go beside it.
#}
{% macro get_incremental_replace_window_sql(arguments) %}
    {%- set rollup = this_rollup() -%}
    {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) -%}
    delete from {{ arguments.target_relation }}
    where
        {{ in_periods(changed_window(), rollup.period, rollup.get('prefix', 'call')) }}
        {%- if rollup.replaces %}
        or {{ context[rollup.replaces](arguments.temp_relation) }}
        {%- endif %};

    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arguments.temp_relation }}
{% endmacro %}


{# The columns of a rollup in the order of its YAML: a table that an older version has made has new ones at its end. #}
{% macro columns_of(rollup) -%}
    {%- if execute -%}
        {{ graph.nodes['model.' ~ model.package_name ~ '.' ~ rollup].columns | join(', ') }}
    {%- else -%}
        *
    {%- endif -%}
{%- endmacro %}


{# A pre-hook: what this run writes anew, and what no rollup stands at any more. #}
{% macro forget_open_ends() %}
    {% if not execute or not is_incremental() %}{{ return('') }}{% endif %}
    delete from {{ this }}
    where
        version in (select version from ({{ rollup_upstream() }}) as run)
        or version not in (select version from {{ rollup_state() }})
{% endmacro %}


{# The post-hook of every rollup, in the transaction that writes its rows. #}
{% macro advance_rollup() %}
    {% if not this_rollup() %}{{ return('') }}{% endif %}
    insert into {{ rollup_state() }} (rollup, watermark, version, definition)
    select
        '{{ model.name }}',
        upstream.watermark,
        upstream.version,
        '{{ rollup_definition() }}'
    from ({{ rollup_upstream() }}) as upstream
    on conflict (rollup) do update set
        watermark = excluded.watermark, version = excluded.version, definition = excluded.definition
{% endmacro %}


{# A pre-hook of the rollups: how their statements are to be planned. #}
{% macro plan_for_volume() %}
    {{- return(adapter.dispatch('plan_for_volume', 'leadgen_analytics')()) -}}
{% endmacro %}


{#
  The planner knows nothing of what comes out of a CTE. It takes a hash of it for a bad one, and sorts millions of wide
  rows for a merge join instead: twice the time at a million calls. Or it takes it for a single row, and compares each of
  millions with each.
#}
{% macro postgres__plan_for_volume() -%}
    set local enable_mergejoin = off;
    set local enable_nestloop = {{ 'on' if execute and is_incremental() else 'off' }}
{%- endmacro %}


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
