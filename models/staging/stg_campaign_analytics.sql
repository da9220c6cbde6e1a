-- Recorded metrics only; the mart campaign_analytics is derived and does not read this.
{%- set is_enhanced = source_columns('campaign_analytics').get('id') == 'uuid' %}
select
    -- ids
    id as recorded_metric_id,
    campaign_id,

    -- text
    metric_name,
    metric_type,
    {{ blank_to_null('api_service') }} as recorded_service,
    '{{ 'recorded_enhanced' if is_enhanced else 'recorded_simple' }}' as origin,

    -- numerics
    metric_value,

    -- timestamps: a column that was added to a table with rows says in them when it was added
    coalesce(created_at, "timestamp") as recorded_at

from ({{ read_source('campaign_analytics') }}) as recorded
