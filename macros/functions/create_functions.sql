{% macro function_name(name) -%}
    {{ adapter.quote(target.schema ~ '_staging') }}.{{ name }}
{%- endmacro %}


{% macro create_functions() %}
    {{ return(adapter.dispatch('create_functions', 'leadgen_analytics')()) }}
{% endmacro %}


{# The lock, because two runs that create the same function at once fail. #}
{% macro postgres__create_functions() %}
    {#- `create schema if not exists` asks for the right to create one even where it exists. -#}
    {% if not adapter.check_schema_exists(target.database, target.schema ~ '_staging') %}
        {% do adapter.create_schema(api.Relation.create(database=target.database, schema=target.schema ~ '_staging')) %}
    {% endif %}
    {% call statement('create_functions') %}
        select pg_advisory_xact_lock(hashtext({{ dbt.string_literal(function_name('')) }}));
        create or replace function {{ try_cast_definition() }};
        create or replace function {{ pair_in_order_definition() }};
        create table if not exists {{ rollup_state_definition() }};
        create or replace function {{ rollup_watermark_definition() }};
        {%- if var('tenant_mode') %}
        create or replace function {{ current_tenant_definition() }};
        revoke all on function {{ function_name('current_tenant') }} from public;
        {%- endif %}
        {%- if var('mask_personal_data') %}
        {{ pseudonym_key_definition() }};
        {%- endif %}
    {% endcall %}
    {% do adapter.commit() %}
{% endmacro %}
