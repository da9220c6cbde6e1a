with source as (

    {{ read_source('campaigns') }}

),

statuses as (

    select * from {{ ref('campaign_statuses') }}

),

renamed as (

    select
        -- ids
        id as campaign_id,
        user_id,

        -- text
        name as campaign_name,
        coalesce(business_type, {{ json_text('search_parameters', ['business_type']) }}) as business_type,
        coalesce(location, {{ json_text('search_parameters', ['location']) }}) as location,
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
        coalesce(target_count, lead_limit) as lead_target,
        cast(budget_limit as {{ type_money() }}) as budget_limit,
        cast(coalesce(current_cost, total_cost) as {{ type_money() }}) as recorded_cost,
        cast(
            coalesce({{ json_number('settings', ['min_confidence_score']) }}, quality_threshold) as {{ type_money() }}
        ) as qualification_score,

        -- timestamps
        {{ time_or_epoch('created_at') }} as created_at,
        updated_at,
        completed_at

    from source
    left join statuses
        on lower(trim(source.status)) = statuses.source_status

)

select * from renamed
