{# One kind of defect, as a select over `relation`; to be unioned. #}
{% macro issue(issue_type, severity, relation, where, details, source_table='source_table', others=[]) -%}
    select
        '{{ issue_type }}' as issue_type,
        {{ severity if severity.startswith('case') else "'" ~ severity ~ "'" }} as severity,
        {{ source_table }} as source_table,
        cast(record_id as {{ dbt.type_string() }}) as record_id,
        campaign_id,
        {{ details }} as details,
        created_at as detected_for
        {%- for column in others %},
        {{ column }}
        {%- endfor %}
    from {{ relation }}
    where {{ where }}
{%- endmacro %}


{# What can be wrong with the created_at of any record. #}
{% macro time_issues(relation, others=[]) -%}
    {{ issue(
        'future_timestamp', 'warning', relation,
        where='created_at > ' ~ latest_plausible_time(),
        details=text_of(["'created_at is '", time_text('created_at'), "'+00'"]),
        others=others,
    ) }}

    union all

    {{ issue(
        'missing_timestamp', 'warning', relation,
        where='created_at = ' ~ epoch_time(),
        details="'created_at is missing or infinite: read as 1970-01-01'",
        others=others,
    ) }}
{%- endmacro %}


{% macro latest_plausible_time() -%}
    {{ seconds_later('current_timestamp', 60 * var('clock_skew_tolerance_minutes')) }}
{%- endmacro %}


{# Defects of the records of the API logs, and of the calls that they are. `part` is as in macros/api_calls.sql. #}
{% macro api_issues(part='settled', window=none, rollup=none) -%}
    with records as (

        select
            *,
            false as is_kept_open_end
        from (

            {{ priced_records(part, window, rollup) }}

        ) as priced
        {%- if part == 'live' %}

        union all

        select
            *,
            true as is_kept_open_end
        from (

            {{ open_ends(rollup) }}

        ) as open_ends
        {%- endif %}

    ),

    examined as (

        select
            records.*,
            records.campaign_id is not null and campaigns.campaign_id is null as is_campaign_gone,
            records.lead_id is not null and leads.lead_id is null as is_lead_gone
        from records
        left join {{ ref('stg_campaigns') }} as campaigns
            on records.campaign_id = campaigns.campaign_id
        left join {{ ref('int_leads_unioned') }} as leads
            on records.lead_id = leads.lead_id

    ),

    -- what is wrong with the record of an open end is known, whether it is a call is not
    own_records as (

        select *
        from examined
        where not is_kept_open_end

    ),

    record_issues as (

        {{ api_record_issues('own_records') }}

    ),

    -- all that can pair with a call that has a defect, because what pairs shares campaign, service and endpoint
    suspects as (

        select *
        from examined
        {%- if pairs_need_one_campaign() %}
        where campaign_id is null or is_campaign_gone or list_cost is null
        {%- endif %}

    ),

    counted as (

        {{ counted_api_records('suspects', part, rollup) }}

    ),

    calls as (

        select *
        from counted
        where is_counted and not is_open_end

    ),

    call_issues as (

        {{ api_call_issues('calls') }}

    ),

    issues as (

        select *, cast(null as {{ dbt.type_bigint() }}) as call_count from record_issues
        union all
        select *, cast(null as {{ dbt.type_bigint() }}) as call_count from call_issues
        union all
        {{ unknown_endpoints('calls') }}

    )

    select
        *,
        {{ utc_hour('detected_for') }} as utc_hour
    from issues
{%- endmacro %}


{#
  Endpoints that neither the list of spellings nor that of prices has: not a row for each call but one for each service,
  endpoint and UTC hour, to be added up.
#}
{% macro unknown_endpoints(calls) -%}
    select
        'unknown_endpoint' as issue_type,
        'warning' as severity,
        min(source_table) as source_table,
        {{ dbt.concat(['api_service', "' '", 'endpoint']) }} as record_id,
        cast(null as {{ type_uuid() }}) as campaign_id,
        cast(null as {{ dbt.type_string() }}) as details,
        max(created_at) as detected_for,
        cast(sum(request_count) as {{ dbt.type_bigint() }}) as call_count
    from {{ calls }} as calls
    where
        endpoint is not null
        and not exists (
            select 1 from {{ ref('endpoint_aliases') }} as aliases
            where aliases.api_service = calls.api_service and aliases.endpoint = calls.endpoint
        )
        and not exists (
            select 1 from {{ ref('api_prices') }} as prices
            where prices.api_service = calls.api_service and prices.endpoint = calls.endpoint
        )
    group by api_service, endpoint, {{ utc_hour('created_at') }}
{%- endmacro %}


{% macro api_record_issues(records) -%}
    {{ issue(
        'orphan_api_call',
        "case when is_campaign_gone or is_lead_gone then 'warning' else 'info' end",
        records,
        where='(is_campaign_gone or is_lead_gone or campaign_id is null)',
        details="case
            when is_campaign_gone then 'campaign_id names no campaign'
            when is_lead_gone then 'business_id names no lead'
            else 'no campaign_id'
        end",
    ) }}

    union all

    {{ issue(
        'unknown_service', 'warning', records,
        where='not is_service_known',
        details=text_of(["'service is '", "coalesce(recorded_service, 'NULL')"]),
    ) }}

    union all

    {{ issue(
        'missing_cost', 'info', records,
        where='recorded_cost is null',
        details="case when is_cost_estimated then 'priced from the list' else 'no list price either' end",
    ) }}

    union all

    {{ issue(
        'repeated_cost', 'warning', records,
        where="exists (
            select 1 from " ~ ref('repeating_endpoints') ~ " as repeated
            where repeated.source_table = " ~ records ~ ".source_table and repeated.endpoint = " ~ records ~ ".endpoint
        )",
        details=text_of(["coalesce(" ~ money_text('cost') ~ ", 'unknown')", "' USD of '", 'endpoint',
            "' are in other records already, not counted'"]),
    ) }}

    union all

    {{ issue(
        'negative_cost', 'error', records,
        where='recorded_cost < 0',
        details=text_of(["'cost '", money_text('recorded_cost'), "' USD'"]),
    ) }}

    union all

    {{ time_issues(records) }}
{%- endmacro %}


{% macro api_call_issues(calls) -%}
    {{ issue(
        'deleted_campaign_spend',
        "case when is_campaign_gone then 'warning' else 'info' end",
        calls,
        where="(is_campaign_gone or (source_table = 'api_usage_log' and campaign_id is null))",
        details=text_of([
            "case when is_campaign_gone then 'campaign is gone, spend ' else 'campaign_id is NULL, spend ' end",
            "coalesce(" ~ money_text('call_cost') ~ ", 'unknown')",
            "' USD'",
        ]),
    ) }}

    union all

    {{ issue(
        'unpriced_call', 'warning', calls,
        where='call_cost is null',
        details=text_of(["'no cost recorded and no list price for '", 'api_service', "' '", "coalesce(endpoint, 'NULL')"]),
    ) }}
{%- endmacro %}


{# Hours of campaigns that are gone or there again, but were not when their calls were looked at. #}
{% macro hours_of_other_campaigns() -%}
    {%- set starts_at = hour_start('hourly.call_date', 'hourly.call_hour') %}
    select tstzrange({{ starts_at }}, {{ starts_at }} + interval '1 hour') as range
    from {{ ref('int_campaign_usage_hourly_rollup') }} as hourly
    left join {{ ref('stg_campaigns') }} as campaigns
        on hourly.campaign_id = campaigns.campaign_id
    left join (
        select distinct campaign_id
        from {{ this }}
        where
            issue_type in ('orphan_api_call', 'deleted_campaign_spend')
            and severity = 'warning'
            and details like 'campaign%'
    ) as gone
        on hourly.campaign_id = gone.campaign_id
    where hourly.campaign_id is not null and (campaigns.campaign_id is null) <> (gone.campaign_id is not null)
{%- endmacro %}
