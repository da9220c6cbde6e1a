select
    -- ids
    source.id as campaign_id,
    source.user_id,

    -- text
    source.name as campaign_name,
    coalesce(source.business_type, {{ json_text('source.search_parameters', ['business_type']) }}) as business_type,
    coalesce(source.location, {{ json_text('source.search_parameters', ['location']) }}) as location,
    source.status as recorded_status,
    coalesce(statuses.status, 'unknown') as status,
    {{ malformed_fields({
        'settings': 'object',
        'settings.min_confidence_score': 'number',
        'results': 'object',
        'results.discovered': 'number',
        'results.enriched': 'number',
        'results.validated': 'number',
        'results.qualified': 'number',
        'results.exported': 'number',
        'search_parameters': 'object',
    }) }} as malformed_fields,

    -- numerics
    coalesce(source.target_count, source.lead_limit) as lead_target,
    cast(source.budget_limit as {{ type_money() }}) as budget_limit,
    cast(coalesce(source.current_cost, source.total_cost) as {{ type_money() }}) as recorded_cost,
    cast(
        coalesce({{ json_number('source.settings', ['min_confidence_score']) }}, source.quality_threshold)
        as {{ type_money() }}
    ) as qualification_score,

    -- timestamps
    {{ time_or_epoch('source.created_at') }} as created_at,
    source.updated_at,
    source.completed_at

from ({{ read_source('campaigns') }}) as source
left join {{ ref('campaign_statuses') }} as statuses
    on lower(trim(source.status)) = statuses.source_status
