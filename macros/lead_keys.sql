{#
  Leads that `where` (on int_leads_unioned) lets through, each with two numbers that it shares with other leads of its
  campaign if they are the same business: by place_id, and by name and phone. NULL where one of these is not recorded.
#}
{% macro lead_keys(where='true') -%}
    {%- set campaign = "cast(campaign_id as " ~ dbt.type_string() ~ ")" -%}
    select
        lead_id,
        source_table,
        campaign_id,
        created_at,
        {{ epoch_block('created_at', pairing_block_seconds()) }} as block_start,
        {{ hash_number(dbt.concat(["'place '", campaign, "' '", blank_to_null('place_id')])) }} as place_key,
        {{ hash_number(dbt.concat([
            "'name '", campaign, "' '", name_key('business_name'), "' '", phone_key('phone'),
        ])) }} as name_key
    from {{ ref('int_leads_unioned') }}
    where {{ where }}
{%- endmacro %}


{# One row for each key of each lead of a relation like lead_keys. #}
{% macro keys_of_leads(leads) -%}
    {%- for key in ['place_key', 'name_key'] %}
    select
        {{ key }} as shared_key,
        lead_id,
        source_table,
        campaign_id,
        created_at
    from {{ leads }}
    where {{ key }} is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}


{# For each lead and key of a relation like keys_of_leads, the oldest lead with the key, if that is another one. #}
{% macro older_leads(keys) -%}
    {%- set alike = 'over (partition by campaign_id, shared_key order by created_at, lead_id)' -%}
    select *
    from (
        select
            lead_id,
            source_table,
            campaign_id,
            created_at,
            first_value(lead_id) {{ alike }} as original_id,
            first_value(created_at) {{ alike }} as original_created_at
        from {{ keys }}
    ) as leads
    where lead_id <> original_id
{%- endmacro %}


{# Of a relation like older_leads, the oldest for each lead. By campaign too, so that a filter on it reaches the leads. #}
{% macro oldest_leads(older_leads) -%}
    select *
    from (
        select
            *,
            row_number() over (partition by campaign_id, lead_id order by original_created_at, original_id) as age_rank
        from {{ older_leads }}
    ) as ranked
    where age_rank = 1
{%- endmacro %}


{# Rows of int_lead_keys_rollup that stay in this run, with one of the keys in the column shared_key of a relation. #}
{% macro kept_leads_of_keys(keys, window) -%}
    {%- for key in ['place_key', 'name_key'] %}
    select
        lead_id,
        source_table,
        campaign_id,
        created_at,
        block_start,
        place_key,
        name_key
    from {{ this }}
    where
        not {{ in_periods(window, 'block') }}
        and {{ key }} in (select keys.shared_key from {{ keys }} as keys)
    {%- if not loop.last %}
    union
    {%- endif %}
    {%- endfor %}
{%- endmacro %}


{# The condition that a row of int_lead_keys_rollup is written anew, wherever its lead lies. `written` has those rows. #}
{% macro is_written_anew(written) -%}
    (block_start, lead_id) in (select block_start, lead_id from {{ written }})
{%- endmacro %}
