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


{#
  A tenant's view of a mart: its columns, and those rows that are the user's in the request. `rows` is SQL to read
  instead of the mart. A mart that names no user names a campaign, whose owner counts.

  security_barrier: what a query asks of a row, it asks after the view has decided that the row may be seen.
#}
{% macro tenant_view(mart, owner='user', rows=none) %}
    {{- config(
        alias=mart, enabled=(var('tenant_mode') is sameas true), meta={'view_options': {'security_barrier': true}}, contract={'enforced': false}
    ) -}}
    select mart.*
    from {{ '(' ~ rows ~ ')' if rows else ref(mart) }} as mart
    where
        {%- if owner == 'user' %}
        mart.user_id = {{ current_tenant() }}
        {%- else %}
        mart.campaign_id = any({{ tenant_campaigns() }})
        {%- endif %}
{% endmacro %}


{# An array, which a filter carries down to the rollups; a join stops at the first sum. #}
{% macro tenant_campaigns() -%}
    array(select campaign_id from {{ ref('stg_campaigns') }} where user_id = {{ current_tenant() }})
{%- endmacro %}


{# For a run in which tenant mode is off. What somebody has built on stays, and nobody but its owner can read it. #}
{% macro drop_tenant_views() %}
    {{ return(adapter.dispatch('drop_tenant_views', 'leadgen_analytics')()) }}
{% endmacro %}


{% macro postgres__drop_tenant_views() %}
    {% set views = run_query(
        "select oid::regclass::text from pg_class where relkind = 'v' and pg_has_role(relowner, 'usage')"
        " and relnamespace = to_regnamespace(" ~ literal(adapter.quote(tenant_schema())) ~ ")"
    ).columns[0].values() | list %}
    {% if views %}
        {% call statement('drop_tenant_views') %}
            do $drop_tenant_views$
            begin
                perform set_config('lock_timeout', '400ms', true);
                {% for view in views %}
                begin
                    drop view if exists {{ view }};
                exception when lock_not_available or deadlock_detected or dependent_objects_still_exist then
                    null;
                end;
                {% endfor %}
            end
            $drop_tenant_views$
        {% endcall %}
        {% do adapter.commit() %}
        {% do log('Tenant mode is off: views of schema ' ~ tenant_schema() ~ ' dropped', info=true) %}
    {% endif %}
{% endmacro %}


{#
  The rows of the mart enhanced_leads that can be the tenant's, looked up campaign by campaign: those of the user's own
  campaigns, and of any other in which the user has a lead. `offset 0` keeps the planner from computing all leads first.
#}
{% macro tenant_leads() -%}
    {%- set listed = '(' ~ listed_leads(is_masked=false) ~ ')' -%}
    select found.*
    from (
        select campaign_id from {{ ref('stg_campaigns') }} where user_id = {{ current_tenant() }}
        union
        select campaign_id from {{ ref('stg_businesses') }} where user_id = {{ current_tenant() }}
    ) as campaigns
    cross join lateral (
        select listed.*
        from {{ listed }} as listed
        where listed.campaign_id = campaigns.campaign_id
        offset 0
    ) as found
    union all
    select listed.*
    from {{ listed }} as listed
    where listed.campaign_id is null
{%- endmacro %}
