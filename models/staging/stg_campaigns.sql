select
    -- ids
    recorded.id as campaign_id,
    recorded.user_id,

    -- text
    recorded.name as campaign_name,
    coalesce(
        recorded.business_type,
        {{ json_text('recorded.search_parameters', ['business_type']) }},
        {{ json_text('recorded.search_parameters', ['businessType']) }}
    ) as business_type,
    coalesce(recorded.location, {{ json_text('recorded.search_parameters', ['location']) }}) as location,
    recorded.status as recorded_status,
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
    coalesce(recorded.target_count, recorded.lead_limit) as lead_target,
    cast(recorded.budget_limit as {{ type_money() }}) as budget_limit,
    cast(coalesce(recorded.current_cost, recorded.total_cost) as {{ type_money() }}) as recorded_cost,
    case
        when recorded.current_cost is not null then {{ last_place('campaigns', 'current_cost') }}
        else {{ last_place('campaigns', 'total_cost') }}
    end as recorded_cost_unit,
    cast(
        coalesce(
            {{ json_number('recorded.settings', ['min_confidence_score']) }},
            recorded.min_confidence_score,
            recorded.quality_threshold
        ) as numeric(18, 4)
    ) as qualification_score,

    -- timestamps
    {{ time_or_epoch('recorded.created_at') }} as created_at,
    recorded.updated_at,
    recorded.completed_at

from ({{ read_source('campaigns') }}) as recorded
left join {{ ref('campaign_statuses') }} as statuses
    on {{ lower_identifier('trim(recorded.status)') }} = statuses.source_status
