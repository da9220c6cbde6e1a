{#
  Block of time and version of every row of a source, or of those from a time on. A lead's enhanced twin, e-mails and
  profiles are in the block of the lead, because what is computed of them is.
#}
{% macro source_rows(source_name, scan_from) -%}
    {%- set window = none if scan_from is none else {'reading': [(scan_from, 'infinity')]} -%}
    {%- set block = epoch_block('created_at', pairing_block_seconds()) -%}
    select *
    from (
    {%- if source_name == 'api_calls' %}
        select {{ block }} as block_start, row_version from {{ ref('stg_api_usage') }} where {{ window_filter(window) }}
        union all
        select {{ block }} as block_start, row_version from {{ ref('stg_api_usage_log') }} where {{ window_filter(window) }}
        union all
        select {{ block }} as block_start, row_version from {{ ref('stg_api_cost_tracking') }}
        where {{ window_filter(window, column='source_date') }}
    {%- else %}
        with businesses as (

            select lead_id, {{ block }} as block_start, row_version
            from {{ ref('stg_businesses') }}
            where {{ window_filter(window) }}

        ),

        leads as (

            select * from businesses
            union all
            select lead_id, {{ block }} as block_start, row_version
            from {{ ref('stg_enhanced_leads') }} as enhanced_leads
            where
                {{ window_filter(window) }}
                and not exists (
                    select from {{ ref('stg_businesses') }} as twins where twins.lead_id = enhanced_leads.lead_id
                )

        )

        select block_start, row_version from leads
        {%- for parts, wholes in [
            ('stg_enhanced_leads', 'businesses'), ('stg_lead_emails', 'leads'), ('stg_lead_social_profiles', 'leads'),
        ] %}
        union all
        select leads.block_start, parts.row_version
        from {{ wholes }} as leads
        inner join {{ ref(parts) }} as parts on leads.lead_id = parts.lead_id
        {%- endfor %}
    {%- endif %}
    ) as tracked_rows
    {%- if scan_from %}
    where block_start >= '{{ scan_from }}'
    {%- endif %}
{%- endmacro %}
