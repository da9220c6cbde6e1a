{# The user in the claims of the request's JWT, which PostgREST has checked; NULL if there is none. #}
{% macro current_tenant() %}
    {{- return(adapter.dispatch('current_tenant', 'leadgen_analytics')()) -}}
{% endmacro %}


{# A subquery, so that it is asked once a query and not for each row. #}
{% macro postgres__current_tenant() -%}
    (select {{ function_name('current_tenant') }}())
{%- endmacro %}


{#
  Claims that are missing, no JSON, or without a user's id are no error, which would quote them, but nobody. Parallel
  unsafe, because an exception block is a subtransaction, which no parallel plan may start.
#}
{% macro current_tenant_definition() -%}
    {{ function_name('current_tenant') }}() returns uuid
    language plpgsql stable parallel unsafe set search_path = pg_catalog, pg_temp as $function$
    begin
        return cast(cast(current_setting('request.jwt.claims', true) as jsonb) ->> 'sub' as uuid);
    exception when data_exception or program_limit_exceeded then
        return null;
    end
    $function$
{%- endmacro %}
