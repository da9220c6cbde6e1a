with calls as (

    select * from {{ ref('int_api_calls') }}

),

issues as (

    {{ issue(
        'deleted_campaign_spend',
        "case when is_campaign_deleted then 'warning' else 'info' end",
        'calls',
        where="is_campaign_deleted or (source_table = 'api_usage_log' and campaign_id is null)",
        details=text_of([
            "case when is_campaign_deleted then 'campaign is gone, spend ' else 'campaign_id is NULL, spend ' end",
            "coalesce(cast(cost as " ~ dbt.type_string() ~ "), 'unknown')",
            "' USD'",
        ]),
    ) }}

    union all

    {{ issue(
        'unpriced_call', 'warning', 'calls',
        where='cost is null',
        details=text_of(["'no cost recorded and no list price for '", 'api_service', "' '", "coalesce(endpoint, 'NULL')"]),
    ) }}

)

select * from issues
