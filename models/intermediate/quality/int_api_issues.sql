-- Defects of the records of the API logs, and of calls that are deleted with their campaign.
with live as (

    {{ api_issues('live', rollup='int_api_issues_rollup') }}

),

deleted as (

    select
        *,
        {{ text_of([
            'request_count', "' calls are deleted with their campaign, spend '",
            "coalesce(" ~ money_text('cost') ~ ", 'unknown')", "' USD'",
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
where issue_type <> 'unknown_endpoint'
union all
select
    issue_type,
    severity,
    min(source_table) as source_table,
    record_id,
    campaign_id,
    {{ text_of(["'service and endpoint are not listed: '", 'record_id', "', '", 'sum(call_count)', "' calls'"]) }}
        as details,
    max(detected_for) as detected_for
from issues
where issue_type = 'unknown_endpoint'
group by issue_type, severity, record_id, campaign_id
union all
{{ issue('deleted_campaign_spend', 'warning', 'deleted', where='true', details='spend') }}
