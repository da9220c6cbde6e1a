{#
  Records with the other half of their pair: the record of the same call in the other log. DECISIONS.md, "Which log
  wins", says how they pair, and why a pair depends on rows near in time only. `records` must hold every record of the
  blocks of a record, of the block before and of the block after, or its pair may be missed.
#}
{% macro paired_api_records(records) -%}
    {%- set tolerance = var('api_log_match_tolerance_seconds') -%}
    with records as (

        select * from {{ records }}

    ),

    logged as (

        select
            source_table,
            record_id,
            pairing_key,
            credits_used,
            created_at,
            {{ epoch_block('created_at', pairing_block_seconds()) }} as block_start
        from records
        where source_table in ('api_usage', 'api_usage_log')

    ),

    within_blocks as (

        {{ pairs_within('logged', 'block_start') }}

    ),

    -- only what is within the tolerance of a border between blocks can still find its other half, across it
    near_borders as (

        select
            logged.*,
            {{ epoch_block(seconds_later('created_at', tolerance), pairing_block_seconds()) }} as border
        from logged
        where
            {{ epoch_block(seconds_later('created_at', '-' ~ tolerance), pairing_block_seconds()) }}
            <> {{ epoch_block(seconds_later('created_at', tolerance), pairing_block_seconds()) }}

    ),

    left_at_borders as (

        select near_borders.*
        from near_borders
        left join within_blocks as calls
            on near_borders.source_table = 'api_usage' and near_borders.record_id = calls.api_usage_id
        left join within_blocks as log_records
            on near_borders.source_table = 'api_usage_log' and near_borders.record_id = log_records.api_usage_log_id
        where calls.api_usage_id is null and log_records.api_usage_log_id is null

    ),

    pairs as (

        select * from within_blocks
        union all
        {{ pairs_within('left_at_borders', 'border') }}

    ),

    halves as (

        select
            'api_usage' as source_table,
            api_usage_id as record_id,
            api_usage_log_id as paired_record_id,
            credits_used as paired_credits_used
        from pairs
        union all
        select
            'api_usage_log' as source_table,
            api_usage_log_id as record_id,
            api_usage_id as paired_record_id,
            cast(null as integer) as paired_credits_used
        from pairs

    )

    select
        records.*,
        halves.paired_record_id,
        halves.paired_credits_used
    from records
    left join halves
        on
            records.record_id = halves.record_id
            and records.source_table = halves.source_table
{%- endmacro %}


{#
  Records pair within blocks of this length. It must be many tolerances, so that few pairs have a border between them,
  and short, because the marts read whole blocks: the last ones with every query, and those around each change with
  every run.
#}
{% macro pairing_block_seconds() %}
    {% set tolerance = var('api_log_match_tolerance_seconds') %}
    {# what is no number is refused with its name, but only once all is parsed #}
    {{ return(120 * (tolerance if tolerance is number else 1)) }}
{%- endmacro %}
