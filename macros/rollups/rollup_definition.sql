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


{% macro postgres__basis_definition(rollup) -%}
    {%- set schema = adapter.quote(target.schema ~ '_staging') -%}
    select md5(concat_ws(
        '|',
        (select definition from {{ rollup_state() }} where rollup = '{{ rollup.upstream }}'),
        (
            select string_agg(pg_get_viewdef(oid), '|' order by relname)
            from pg_class
            where
                relkind = 'v'
                and (
                    relnamespace = to_regnamespace('{{ schema }}')
                    or relname in ('{{ rollup.get('reads', []) | join("', '") }}')
                )
        )
        {%- for seed in ['api_prices', 'endpoint_aliases', 'lead_grades', 'service_aliases'] %},
        (select string_agg(cast(seed as text), '|' order by cast(seed as text)) from {{ schema }}.{{ seed }} as seed)
        {%- endfor %}
    ))
{%- endmacro %}
