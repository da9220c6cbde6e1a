{#
  What int_lead_issues_rollup holds within a window (see rollup_window): defects of leads in whole blocks below the
  watermark, and of all e-mails and profiles without a lead, which no query could find without reading all of them.
#}
{% macro lead_issues_kept(window=none) -%}
    with of_leads as (

        {{ lead_issues('(select * from ' ~ ref('int_leads_unioned') ~ ' where ' ~ window_filter(window) ~ ')') }}

    ),

    without_lead as (

        {{ contact_issues_without_lead(
            '(' ~ window_filter(window) ~ ' or source_created_at >= ' ~ run_watermark() ~ ')'
        ) }}

    )

    select *
    from of_leads
    where {{ in_window(window) }}
    union all
    select *
    from without_lead
    where {{ in_periods(window, 'block') }} or {{ is_not_settled() }}
{%- endmacro %}


{# The condition that a row's block lies above the watermark to which this run's rollup goes. #}
{% macro is_not_settled(written=none) -%}
    {{ is_above(run_watermark(), 'block_start') }}
{%- endmacro %}


{# Defects of `leads`, rows of int_leads_unioned, and of what is recorded of them; each with the block of its lead. #}
{% macro lead_issues(leads) -%}
    {%- set block_start = epoch_block('leads.created_at', pairing_block_seconds()) -%}
    {%- set others = ['block_start', 'missing_lead_id'] -%}
    {%- set costs = 'discovery_cost, enrichment_cost, validation_cost, total_cost' -%}
    {%- set kinds = [
        ('orphan_business', 'error', 'not has_campaign', "'campaign_id names no campaign'"),
        (
            'unknown_status', 'warning',
            "processing_stage not in (
                'discovered', 'enriching', 'enriched', 'validating', 'validated', 'qualified', 'failed'
            )",
            text_of(["'processing_stage is '", 'processing_stage']),
        ),
        ('missing_cost', 'info', 'computed_cost is null', "'no cost recorded'"),
        (
            'negative_cost', 'error', 'least(' ~ costs ~ ') < 0',
            text_of(["'total cost '", "coalesce(cast(computed_cost as " ~ dbt.type_string() ~ "), 'NULL')", "' USD'"]),
        ),
        (
            'score_out_of_range', 'warning',
            '(confidence_score not between 0 and 100 or data_completeness_score not between 0 and 100)',
            text_of([
                "'confidence_score '", "coalesce(cast(confidence_score as " ~ dbt.type_string() ~ "), 'NULL')",
                "', data_completeness_score '",
                "coalesce(cast(data_completeness_score as " ~ dbt.type_string() ~ "), 'NULL')",
            ]),
        ),
        ('malformed_json_field', 'warning', 'malformed_fields is not null', 'malformed_fields'),
    ] -%}
    with examined as (

        select
            leads.lead_id as record_id,
            leads.source_table,
            leads.campaign_id,
            leads.processing_stage,
            leads.discovery_cost,
            leads.enrichment_cost,
            leads.validation_cost,
            leads.total_cost,
            {{ lead_total_cost('leads') }} as computed_cost,
            leads.confidence_score,
            leads.data_completeness_score,
            leads.malformed_fields,
            leads.created_at,
            {{ block_start }} as block_start,
            cast(null as {{ type_uuid() }}) as missing_lead_id,
            campaigns.campaign_id is not null as has_campaign
        from {{ leads }} as leads
        left join {{ ref('stg_campaigns') }} as campaigns
            on leads.campaign_id = campaigns.campaign_id

    ),

    -- what a CTE gives more than once is stored: only leads with a defect
    defective as (

        select *
        from examined
        where
            created_at > {{ latest_plausible_time() }}
            or created_at = {{ epoch_time() }}
            {%- for _, _, condition, _ in kinds %}
            or {{ condition }}
            {%- endfor %}

    ),

    -- a twin is no lead of its own, but its fields are read
    defective_twins as (

        select
            twins.lead_id as record_id,
            'enhanced_leads' as source_table,
            twins.campaign_id,
            twins.malformed_fields,
            twins.created_at,
            {{ block_start }} as block_start,
            cast(null as {{ type_uuid() }}) as missing_lead_id
        from {{ leads }} as leads
        inner join {{ ref('stg_enhanced_leads') }} as twins
            on leads.lead_id = twins.lead_id
        where leads.source_table = 'businesses'

    ),

    emails as (

        select
            emails.lead_email_id as record_id,
            'lead_emails' as source_table,
            leads.campaign_id,
            emails.verification_score,
            emails.created_at,
            {{ block_start }} as block_start,
            cast(null as {{ type_uuid() }}) as missing_lead_id
        from {{ leads }} as leads
        inner join {{ ref('stg_lead_emails') }} as emails
            on leads.lead_id = emails.lead_id

    )

    {% for issue_type, severity, condition, details in kinds -%}
    {{ issue(issue_type, severity, 'defective', where=condition, details=details, others=others) }}

    union all

    {% endfor -%}
    {{ time_issues('defective', others=others) }}

    union all

    {{ issue(
        'malformed_json_field', 'warning', 'defective_twins',
        where='malformed_fields is not null', details='malformed_fields', others=others,
    ) }}

    union all

    {{ email_score_issue(others) }}
{%- endmacro %}


{% macro email_score_issue(others) -%}
    {{ issue(
        'score_out_of_range', 'warning', 'emails',
        where='verification_score not between 0 and 100',
        details=text_of(["'verification_score '", 'verification_score']),
        others=others,
    ) }}
{%- endmacro %}


{# Defects of e-mails and profiles that name no lead, of those that `where` lets through; each with its own block. #}
{% macro contact_issues_without_lead(where='true') -%}
    {%- set others = ['block_start', 'missing_lead_id'] -%}
    {%- set details = text_of([
        "'lead_id names no lead: '", "coalesce(cast(missing_lead_id as " ~ dbt.type_string() ~ "), 'NULL')",
    ]) -%}
    with emails as (

        select
            lead_email_id as record_id,
            'lead_emails' as source_table,
            cast(null as {{ type_uuid() }}) as campaign_id,
            verification_score,
            created_at,
            {{ epoch_block(time_or_epoch('created_at'), pairing_block_seconds()) }} as block_start,
            lead_id as missing_lead_id
        from {{ ref('stg_lead_emails') }} as contacts
        where {{ where }} and {{ names_no_lead('contacts') }}

    ),

    profiles as (

        select
            lead_social_profile_id as record_id,
            'lead_social_profiles' as source_table,
            cast(null as {{ type_uuid() }}) as campaign_id,
            created_at,
            {{ epoch_block(time_or_epoch('created_at'), pairing_block_seconds()) }} as block_start,
            lead_id as missing_lead_id
        from {{ ref('stg_lead_social_profiles') }} as contacts
        where {{ where }} and {{ names_no_lead('contacts') }}

    )

    {{ issue('orphan_lead_email', 'error', 'emails', where='true', details=details, others=others) }}

    union all

    {{ email_score_issue(others) }}

    union all

    {{ issue('orphan_social_profile', 'error', 'profiles', where='true', details=details, others=others) }}
{%- endmacro %}


{# Blocks of what int_lead_issues_rollup says of leads and campaigns that have gone or come since it looked. #}
{% macro blocks_of_other_leads_and_campaigns() -%}
    {%- set keys = ref('int_lead_keys_rollup') -%}
    select tstzrange(block_start, {{ seconds_later('block_start', pairing_block_seconds()) }}) as range
    from (
        select leads.block_start
        from {{ distinct_by_index(keys, 'campaign_id') }} as named
        inner join {{ keys }} as leads
            on named.campaign_id = leads.campaign_id
        where
            not exists (
                select 1 from {{ ref('stg_campaigns') }} as campaigns where campaigns.campaign_id = named.campaign_id
            )
            and not exists (
                select 1
                from {{ this }} as known
                where
                    known.issue_type = 'orphan_business'
                    and known.record_id = cast(leads.lead_id as {{ dbt.type_string() }})
            )
        union all
        select known.block_start
        from {{ this }} as known
        inner join {{ ref('stg_campaigns') }} as campaigns
            on known.campaign_id = campaigns.campaign_id
        where known.issue_type = 'orphan_business'
        union all
        select known.block_start
        from {{ this }} as known
        where
            known.missing_lead_id is not null
            and not {{ names_no_lead('known', 'missing_lead_id') }}
    ) as otherwise
{%- endmacro %}


{# A relation with the values of a column that an index begins with, NULL apart: one look-up in it for each. #}
{% macro distinct_by_index(relation, column) %}
    {{- return(adapter.dispatch('distinct_by_index', 'leadgen_analytics')(relation, column)) -}}
{% endmacro %}


{% macro postgres__distinct_by_index(relation, column) -%}
    (
        with recursive found as (
            (select {{ column }} from {{ relation }} where {{ column }} is not null order by {{ column }} limit 1)
            union all
            select (
                select following.{{ column }}
                from {{ relation }} as following
                where following.{{ column }} > found.{{ column }}
                order by following.{{ column }}
                limit 1
            )
            from found
            where found.{{ column }} is not null
        )

        select {{ column }} from found where {{ column }} is not null
    )
{%- endmacro %}
