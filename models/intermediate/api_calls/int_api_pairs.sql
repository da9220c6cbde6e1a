-- One row per api_usage record and the api_usage_log record that is the same call's second. DECISIONS.md, "Which log
-- wins", says how they pair, and why a pair depends on rows near in time only.
{%- set tolerance = var('api_log_match_tolerance_seconds') %}
{%- set block_seconds = 120 * tolerance %}
with records as (

    select
        source_table,
        record_id,
        pairing_key,
        created_at,
        {{ epoch_block('created_at', block_seconds) }} as block
    from {{ ref('int_api_records') }}
    where source_table in ('api_usage', 'api_usage_log')

),

within_blocks as (

    {{ pairs_within('records', 'block') }}

),

-- only what is within the tolerance of a border between blocks can still find its other half, across it
left_at_borders as (

    select
        source_table,
        record_id,
        pairing_key,
        created_at,
        {{ epoch_block(seconds_later('created_at', tolerance), block_seconds) }} as border
    from records
    where
        {{ epoch_block(seconds_later('created_at', -tolerance), block_seconds) }}
        <> {{ epoch_block(seconds_later('created_at', tolerance), block_seconds) }}
        and record_id not in (select api_usage_id from within_blocks)
        and record_id not in (select api_usage_log_id from within_blocks)

),

across_borders as (

    {{ pairs_within('left_at_borders', 'border') }}

),

pairs as (

    select api_usage_id, api_usage_log_id from within_blocks
    union all
    select api_usage_id, api_usage_log_id from across_borders

)

select * from pairs
