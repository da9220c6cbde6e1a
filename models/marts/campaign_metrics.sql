{%- set derived_metrics = {
    'total_leads': 'performance',
    'qualified_leads': 'conversion',
    'qualification_rate': 'quality',
    'total_cost': 'cost',
    'total_api_cost': 'cost',
    'cost_per_qualified_lead': 'cost',
    'roi_percentage': 'performance',
} -%}

with campaigns as (

    select * from {{ ref('campaign_analytics') }}

),

recorded as (

    select * from {{ ref('stg_campaign_analytics') }}

),

service_aliases as (

    select * from {{ ref('service_aliases') }}

),

metrics as (

    select
        {{ dbt.concat(['recorded.origin', "':'", 'recorded.recorded_metric_id']) }} as metric_id,
        recorded.campaign_id,
        recorded.metric_name,
        recorded.metric_value,
        recorded.metric_type,
        case
            when recorded.recorded_service is not null
                then {{ canonical_service('recorded.recorded_service', 'service_aliases.api_service') }}
        end as api_service,
        recorded.recorded_at,
        recorded.origin
    from recorded
    left join service_aliases
        on {{ spelling_key('recorded.recorded_service') }} = service_aliases.alias

    {% for metric_name, metric_type in derived_metrics.items() -%}
    union all
    select
        {{ dbt.concat(["'derived:'", "cast(campaign_id as " ~ dbt.type_string() ~ ")", "':" ~ metric_name ~ "'"]) }}
            as metric_id,
        campaign_id,
        '{{ metric_name }}' as metric_name,
        cast({{ metric_name }} as {{ type_ratio() }}) as metric_value,
        '{{ metric_type }}' as metric_type,
        null as api_service,
        current_timestamp as recorded_at,
        'derived' as origin
    from campaigns
    {% endfor %}

)

select
    metric_id,
    campaign_id,
    metric_name,
    cast(metric_value as numeric(38, 6)) as metric_value,
    metric_type,
    api_service,
    recorded_at,
    origin
from metrics
