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
