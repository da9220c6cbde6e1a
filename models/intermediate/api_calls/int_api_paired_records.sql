-- Every record of the three logs, with the other half of its pair: the record of the same call in the other log.
-- DECISIONS.md, "Which log wins", says how they pair, and why a pair depends on rows near in time only.
{%- set tolerance = var('api_log_match_tolerance_seconds') %}
{%- set block_seconds = 120 * tolerance %}
with records as (

    select * from {{ ref('int_api_records') }}

),

logged as (

    select
        source_table,
        record_id,
        pairing_key,
        created_at,
        {{ epoch_block('created_at', block_seconds) }} as block
    from records
    where source_table in ('api_usage', 'api_usage_log')

),

within_blocks as (

    {{ pairs_within('logged', 'block') }}

),

-- only what is within the tolerance of a border between blocks can still find its other half, across it
left_at_borders as (

    select
        source_table,
        record_id,
        pairing_key,
        created_at,
        {{ epoch_block(seconds_later('created_at', tolerance), block_seconds) }} as border
    from logged
    where
        {{ epoch_block(seconds_later('created_at', -tolerance), block_seconds) }}
        <> {{ epoch_block(seconds_later('created_at', tolerance), block_seconds) }}
        and record_id not in (select within_blocks.api_usage_id from within_blocks)
        and record_id not in (select within_blocks.api_usage_log_id from within_blocks)

),

pairs as (

    select
        api_usage_id,
        api_usage_log_id
    from within_blocks
    union all
    {{ pairs_within('left_at_borders', 'border') }}

),

halves as (

    select
        'api_usage' as source_table,
        api_usage_id as record_id,
        api_usage_log_id as paired_record_id
    from pairs
    union all
    select
        'api_usage_log' as source_table,
        api_usage_log_id as record_id,
        api_usage_id as paired_record_id
    from pairs

),

final as (

    select
        records.*,
        halves.paired_record_id
    from records
    left join halves
        on
            records.record_id = halves.record_id
            and records.source_table = halves.source_table

)

select * from final
