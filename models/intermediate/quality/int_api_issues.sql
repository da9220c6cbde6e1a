-- Defects of the records of the API logs, and of calls that are deleted with their campaign.
with live as (

    {{ api_issues('live', rollup='int_api_issues_rollup') }}

),

deleted as (

    select
        *,
        {{ text_of([
            'request_count', "' calls are deleted with their campaign, spend '",
            "coalesce(cast(cost as " ~ dbt.type_string() ~ "), 'unknown')", "' USD'",
        ]) }} as spend
    from {{ ref('int_api_calls_kept') }}
    where is_deleted_with_campaign

),

issues as (

    select {{ columns_of('int_api_issues_rollup') }}
    from {{ ref('int_api_issues_rollup') }}
    union all
    select * from live

)

select
    issue_type,
    severity,
    source_table,
    record_id,
    campaign_id,
    details,
    detected_for
from issues
union all
{{ issue('deleted_campaign_spend', 'warning', 'deleted', where='true', details='spend') }}
