{# The condition that sums are kept when the application takes out rows: their hour ends before keep_sums_before. #}
{% macro is_kept_when_pruned(block_start) -%}
    {%- if var('keep_sums_before') is none -%}
        false
    {%- else -%}
        {%- set day = hour_start("'" ~ var('keep_sums_before') ~ "'", 0) -%}
        ({{ block_start }} < {{ day }} and {{ utc_hour(block_start) }} <= {{ seconds_later(day, -3600) }})
    {%- endif -%}
{%- endmacro %}


{# The UTC hour that a record's block begins in: what is kept, is kept whole. #}
{% macro hour_of_block(timestamp) -%}
    {{ utc_hour(epoch_block(timestamp, pairing_block_seconds())) }}
{%- endmacro %}


{# Log and key of records that kept sums count, in `pruned_calls`, and that were still there. #}
{% macro records_of_kept_sums(pruned_calls) -%}
    {%- for column, log in {'left_record_ids': 'pruned.source_table', 'left_second_record_ids': "'api_usage_log'"}.items() %}
    select
        {{ log }} as source_table,
        left_records.record_id
    from {{ pruned_calls }} as pruned
    cross join lateral {{ unnest('pruned.' ~ column) }} as left_records (record_id)
    where {{ is_kept_when_pruned('pruned.block_start') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}


{# Hours that keep their sums since the rollup last followed the source (`own`): their rows in it are to be the kept ones. #}
{% macro hours_newly_kept() -%}
    select tstzrange({{ utc_hour('block_start') }}, {{ utc_hour('block_start') }} + interval '1 hour') as range
    from {{ ref('int_pruned_calls') }}
    where version > (select version from own) and {{ is_kept_when_pruned('block_start') }}
{%- endmacro %}


{#
  A query of one row on hours of calls whose rows the application has deleted: how many keep their sums, and how many have
  lost theirs with the last look at the source, the first and the last of these. Not those of deleted campaigns, whose
  sums are kept anyway, nor what is as young as every run looks at.
#}
{% macro pruned_hours() -%}
    {%- set changes = ref('int_source_changes') -%}
    {%- set hour = utc_hour('changes.block_start') -%}
    select
        (
            select count(distinct {{ utc_hour('block_start') }})
            from {{ ref('int_pruned_calls') }}
            where {{ is_kept_when_pruned('block_start') }}
        ),
        count(distinct {{ hour }}),
        cast(min({{ hour }} at time zone 'UTC') as text),
        cast(max({{ hour }} at time zone 'UTC') as text)
    from {{ changes }} as changes
    inner join {{ changes }} as look
        on
            changes.source_name = look.source_name
            and changes.version = look.version
            and changes.block_start < look.watermark - {{ var('rollup_lookback_hours') }} * interval '1 hour'
    where
        look.source_name = 'api_calls'
        and look.block_start = '-infinity'
        and changes.block_start > '-infinity'
        and changes.record_count = 0
        and not {{ is_kept_when_pruned('changes.block_start') }}
        and not exists (
            select 1
            from {{ ref('int_deleted_campaign_calls') }} as deleted
            where deleted.block_start = changes.block_start
        )
{%- endmacro %}


{# For on-run-end: how many hours keep the sums of rows that have gone, and a warning of those that do not. #}
{% macro tell_of_pruned_rows() %}
    {% set query = pruned_hours() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set built = results | selectattr('status', 'equalto', 'success') | map(attribute='node.name') | list %}
    {% if 'int_pruned_calls' not in built %}{{ return('') }}{% endif %}
    {% set kept, lost, lost_from, lost_until = run_query(query).rows[0].values() %}
    {% if kept %}
        {{ log(
            'Rows have gone from the source in ' ~ kept ~ ' hours before ' ~ var('keep_sums_before')
            ~ ' (keep_sums_before), which keep their sums', info=true
        ) }}
    {% endif %}
    {% if lost and not var('replay_from') %}
        {% do exceptions.warn(
            'All rows of ' ~ lost ~ ' hours from ' ~ lost_from ~ ' to ' ~ lost_until ~ ' UTC have gone from the source, and'
            ~ ' what they cost from the marts. If the application deletes old rows, set keep_sums_before to a day before which it may: hours that lose rows from then on keep their sums.'
        ) %}
    {% endif %}
    {{ return('') }}
{% endmacro %}
