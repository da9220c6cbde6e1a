with campaigns as (

    select
        campaigns.*,
        campaigns.campaign_id as record_id,
        'campaigns' as source_table,
        coalesce(leads.total_cost, 0) as computed_cost,
        coalesce(leads.total_leads, 0) as added_values
    from {{ ref('stg_campaigns') }} as campaigns
    left join {{ ref('int_leads_by_campaign') }} as leads
        on campaigns.campaign_id = leads.campaign_id

),

issues as (

    {{ issue(
        'unknown_status', 'warning', 'campaigns',
        where="status = 'unknown'",
        details=text_of(["'status is '", "coalesce(recorded_status, 'NULL')"]),
    ) }}

    union all

    {{ issue(
        'malformed_json_field', 'warning', 'campaigns',
        where='malformed_fields is not null',
        details='malformed_fields',
    ) }}

    union all

    {{ issue(
        'counter_drift', 'warning', 'campaigns',
        where='abs(recorded_cost - computed_cost) > ' ~ var('counter_drift_tolerance') ~ ' * abs(computed_cost)'
            ~ ' + greatest(added_values, 1) * recorded_cost_unit / 2',
        details=text_of([
            "'recorded '", money_text('recorded_cost'), "' USD, computed '", money_text('computed_cost'), "' USD'",
        ]),
    ) }}

    union all

    {{ time_issues('campaigns') }}

)

select * from issues
