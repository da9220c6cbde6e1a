{% macro function_name(name) -%}
    {{ adapter.quote(target.schema ~ '_staging') }}.{{ name }}
{%- endmacro %}


{% macro create_functions() %}
    {{ return(adapter.dispatch('create_functions', 'leadgen_analytics')()) }}
{% endmacro %}


{#
  Two runs that create the same function at once fail: the one that does tries again. No lock keeps them apart, because
  until something is built there is none that only this project's own role can take.
#}
{% macro postgres__create_functions() %}
    {% do create_closed_schema(target.schema ~ '_staging') %}
    {% call statement('create_functions') %}
        do $create_functions$
        begin
            for attempt in 1..50 loop
                begin
                    create or replace function {{ try_cast_definition() }};
                    create or replace function {{ pair_in_order_definition() }};
                    create table if not exists {{ rollup_state_definition() }};
                    create table if not exists {{ reading_roles_definition() }};
                    create or replace function {{ rollup_watermark_definition() }};
                    create or replace function {{ rollup_version_definition() }};
                    {{ rollup_locks_definition() }};
                    {%- if var('tenant_mode') %}
                    create or replace function {{ current_tenant_definition() }};
                    revoke all on function {{ function_name('current_tenant') }} from public;
                    {%- endif %}
                    {%- if var('mask_personal_data') %}
                    {{ pseudonym_key_definition() }};
                    {%- endif %}
                    return;
                exception when unique_violation or duplicate_table or duplicate_function or internal_error then
                    if attempt = 50 then
                        raise;
                    end if;
                end;
                perform pg_sleep(0.1);
            end loop;
        end
        $create_functions$
    {% endcall %}
    {% do adapter.commit() %}
{% endmacro %}


{% macro try_cast(expression, type) %}
    {{- return(adapter.dispatch('try_cast', 'leadgen_analytics')(expression, type)) -}}
{% endmacro %}


{# Postgres has no try_cast. Slow (a subtransaction a row), so only a column of an unexpected type pays for it. #}
{% macro postgres__try_cast(expression, type) -%}
    nullif({{ function_name('try_cast') }}(cast({{ expression }} as text), '{{ type }}'), 'NaN')
{%- endmacro %}


{#
  Parallel unsafe, because an exception block is a subtransaction, which no parallel plan may start. The time zone,
  because a time without one is in UTC whoever asks. The search path, because a view calls the function as whoever queries
  it, who may have a type or an operator of the same name that tells what it is given.
#}
{% macro try_cast_definition() -%}
    {{ function_name('try_cast') }}(value text, type text) returns text
    language plpgsql stable parallel unsafe
    set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, MDY' as $function$
    declare
        result text;
    begin
        execute format('select cast(cast($1 as %s) as text)', type) into result using value;
        return result;
    exception when data_exception or program_limit_exceeded then
        return null;
    end
    $function$
{%- endmacro %}
