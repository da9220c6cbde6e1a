{#
  Block of time and version of every row of a source, or of those from a time on; and the block that the row may have
  been counted in before what it is in the block of was there, NULL if there is none.
#}
{% macro source_rows(source_name, scan_from) -%}
    {%- set window = none if scan_from is none else {'reading': [(scan_from, 'infinity')]} -%}
    {%- set block = epoch_block('created_at', pairing_block_seconds()) -%}
    select *
    from (
    {%- if source_name == 'api_calls' %}
        select {{ block }} as block_start, row_version, cast(null as {{ type_timestamptz() }}) as earlier_block
        from {{ ref('stg_api_usage') }} where {{ window_filter(window) }}
        union all
        select {{ block }} as block_start, row_version, null as earlier_block
        from {{ ref('stg_api_usage_log') }} where {{ window_filter(window) }}
        union all
        select {{ block }} as block_start, row_version, null as earlier_block
        from {{ ref('stg_api_cost_tracking') }} where {{ window_filter(window, column='source_date') }}
    {%- else %}
        {{ lead_versions(window) }}
    {%- endif %}
    ) as tracked_rows
    {%- if scan_from %}
    where block_start >= '{{ scan_from }}'
    {%- endif %}
{%- endmacro %}


{#
  For each source: what this run's int_source_changes has to look at. `scan_from` is the start of the lookback, or
  none for all rows; `watermark` and `version` are those of this run; `activity` is what the server had counted before
  it last looked at all rows, and `scanned_at` when that was.
#}
{% macro source_checks() %}
    {{ return(adapter.dispatch('source_checks', 'leadgen_analytics')()) }}
{% endmacro %}


{% macro postgres__source_checks() %}
    {% do take_rollup_lock() %}
    {% set checks = {} %}
    {% set is_new = not is_incremental() %}
    {% set settled = epoch_block(
        seconds_later('current_timestamp', -var('rollup_settle_seconds')), pairing_block_seconds()
    ) %}
    {#- also a full refresh of this model alone must not take back the number that rollups have come to -#}
    {% set reached = run_query(
        "select cast(" ~ settled ~ " as text), coalesce(max(version), 0) + 1 from " ~ rollup_state()
    ).rows[0] %}
    {% for name, tables in tracked_sources().items() %}
        {% set header = none if is_new else run_query(
            "select version, activity, record_count,"
            ~ " cast(least(watermark, " ~ settled ~ ") - " ~ var('rollup_lookback_hours') ~ " * interval '1 hour' as text),"
            ~ scanned_lately()
            ~ " from " ~ this ~ " as changes where source_name = '" ~ name ~ "' and block_start = '-infinity'"
        ).rows[0] %}
        {% set check = {
            'scan_from': none, 'activity': source_activity(tables), 'scanned_at': none, 'anchor': none,
            'watermark': reached[0], 'version': reached[1],
        } %}
        {% if header %}
            {% do check.update({'version': [header[0] + 1, reached[1]] | max}) %}
            {% if header[4] and is_explained(name, check.activity, header[1], header[2], header[3]) %}
                {% do check.update({
                    'scan_from': header[3], 'activity': header[1], 'scanned_at': header[4], 'anchor': header[2],
                }) %}
            {% endif %}
        {% endif %}
        {% do checks.update({name: check}) %}
    {% endfor %}
    {{ return(checks) }}
{% endmacro %}


{% macro tracked_sources() %}
    {{ return({
        'api_calls': ['api_usage', 'api_usage_log', 'api_cost_tracking'],
        'leads': ['businesses', 'enhanced_leads', 'lead_emails', 'lead_social_profiles'],
    }) }}
{% endmacro %}


{#
  An expression: when all rows were last looked at, as text; NULL if that is too long ago to go by what the server has
  counted since, or in the future. Not by name, because a table of an older version lacks the column.
#}
{% macro scanned_lately() -%}
    case
        when
            cast(to_jsonb(changes) ->> 'scanned_at' as timestamptz)
            between current_timestamp - {{ var('rollup_full_scan_hours') }} * interval '1 hour' and current_timestamp
            then to_jsonb(changes) ->> 'scanned_at'
    end
{%- endmacro %}


{#
  What the server counts of the tables as one text: rows inserted, by table; then what must be as it was for the
  counters to go on from where they were: the server, rows updated and deleted, and the files that the tables are in,
  which are new after a truncate. None where it counts nothing, as for a view.
#}
{% macro source_activity(tables) %}
    {% set names = [] %}
    {% for table in tables if source_columns(table) %}
        {% do names.append('to_regclass(' ~ literal(quoted_source(table)) ~ ')') %}
    {% endfor %}
    {% if not names %}{{ return('0 none') }}{% endif %}
    {% set query %}
        with recursive tables as (
            select oid from pg_class where oid in ({{ names | join(', ') }})
            union all
            select pg_inherits.inhrelid from pg_inherits inner join tables on pg_inherits.inhparent = tables.oid
        )

        select case
            when current_setting('track_counts') = 'on' and bool_and(c.relkind in ('r', 'p'))
                then
                    string_agg(cast(pg_stat_get_tuples_inserted(c.oid) as text), ',' order by c.oid)
                    || ' ' || ({{ counting_server() }}) || ' ' || string_agg(
                        concat_ws(
                            '/', c.oid, c.relfilenode, pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid)
                        ),
                        ',' order by c.oid
                    )
        end
        from tables
        inner join pg_class as c on tables.oid = c.oid
    {% endset %}
    {{ return(run_query(query).rows[0][0]) }}
{% endmacro %}


{#
  A query for what changes when the counters of this database may have begun anew: after a crash, a restart, a failover
  to a replica, a restored dump, a reset. The right to know the cluster and its timeline may have been taken away; what
  else there is tells of each of these, too.
#}
{% macro counting_server() -%}
    {%- set may_ask = run_query(
        "select bool_and(has_function_privilege(name, 'execute'))"
        ~ " from unnest(array['pg_control_system()', 'pg_control_checkpoint()']) as name"
    ).rows[0][0] -%}
    select concat_ws(
        '/',
        {%- if may_ask %}
        (select system_identifier from pg_control_system()),
        (select timeline_id from pg_control_checkpoint()),
        {%- endif %}
        extract(epoch from pg_postmaster_start_time()),
        (select oid from pg_database where datname = current_database()),
        (
            select coalesce(cast(extract(epoch from stats_reset) as text), 'never')
            from pg_stat_database
            where datname = current_database()
        ),
        (select coalesce(cast(extract(epoch from stats_reset) as text), 'never') from pg_stat_bgwriter)
    )
{%- endmacro %}


{#
  Whether the rows from `scan_from` on account for all that has happened since everything was last looked at. A row that
  may have been counted before in an older block, as one that nothing owned, would account for another that is not seen.
#}
{% macro is_explained(source_name, activity, anchor_activity, anchor_count, scan_from) %}
    {% if var('replay_from') or activity is none or anchor_activity is none %}{{ return(false) }}{% endif %}
    {% set inserted, others = activity.split(' ', 1) %}
    {% set anchor_inserted, anchor_others = anchor_activity.split(' ', 1) %}
    {% if others != anchor_others %}{{ return(false) }}{% endif %}
    {% set counters = {'new_rows': 0} %}
    {% for now, before in zip(inserted.split(','), anchor_inserted.split(',')) %}
        {% if now | int < before | int %}{{ return(false) }}{% endif %}
        {% do counters.update({'new_rows': counters.new_rows + now | int - before | int}) %}
    {% endfor %}
    {% set query %}
        with older as (
            select block_start, record_count
            from {{ this }}
            where source_name = '{{ source_name }}' and block_start > '-infinity' and block_start < '{{ scan_from }}'
        )

        select
            count(*) + (select coalesce(sum(record_count), 0) from older),
            count(case when older.record_count > 0 then 1 end)
        from ({{ source_rows(source_name, scan_from) }}) as recent
        left join older
            on recent.earlier_block = older.block_start
    {% endset %}
    {% set found, counted_twice = run_query(query).rows[0].values() %}
    {{ return(counters.new_rows <= found - anchor_count and not counted_twice) }}
{% endmacro %}


{#
  For on-run-end: where a test of totals (tests/dbt/) has found marts and source apart, the next run looks through all
  rows, which finds a change that none has seen. What it cannot find is a rollup that somebody has written to.
#}
{% macro look_again_where_totals_differ() %}
    {% set changes = ref('int_source_changes') %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set differing = [] %}
    {% for result in results if result.status == 'fail' and result.node.resource_type == 'test' and not result.node.test_metadata %}
        {% do differing.append(result.node.name) %}
    {% endfor %}
    {% if differing %}
        {% call statement('look_again') %}
            update {{ changes }} set activity = null where block_start = '-infinity'
        {% endcall %}
        {% do adapter.commit() %}
        {{ log(
            'Totals differ (' ~ differing | join(', ') ~ '). The next run looks through all rows of the source. If they'
            ~ ' differ after that, this makes the sums anew: dbt build --full-refresh --select path:models/intermediate/rollups',
            info=true
        ) }}
    {% endif %}
    {{ return('') }}
{% endmacro %}


{# The condition that sums are kept when the application takes out rows: their hour ends before keep_sums_before. #}
{% macro is_kept_when_pruned(block_start) -%}
    {%- if var('keep_sums_before') is none -%}
        false
    {%- else -%}
        {%- set day = hour_start("'" ~ var('keep_sums_before') ~ "'", 0) -%}
        ({{ block_start }} < {{ day }} and {{ utc_hour(block_start) }} <= {{ seconds_later(day, -3600) }})
    {%- endif -%}
{%- endmacro %}


{#
  The sums that the last run has left, in the form of what is kept of them. Not a ref, because the next sums are made with
  what is kept. A version before this one had another table, which an upgrade finds.
#}
{% macro sums_of_last_run() -%}
    {%- set sums = adapter.get_relation(this.database, this.schema, 'int_api_records_hourly_rollup') -%}
    {%- set older_sums = adapter.get_relation(this.database, this.schema, 'int_api_usage_blocks_rollup') -%}
    {%- if sums is not none -%}
        (select *, utc_hour as block_start from {{ sums }}) as sums
    {%- elif older_sums is not none -%}
        (select *, {{ utc_hour('block_start') }} as utc_hour from {{ older_sums }}) as sums
    {%- else -%}
        (
            select
                *,
                block_start as utc_hour
            from ({{ get_empty_schema_sql(model.columns) }}) as none_yet
        ) as sums
    {%- endif -%}
{%- endmacro %}


{# The time up to which these sums are complete. #}
{% macro watermark_of_last_run() -%}
    greatest(
        {{ rollup_watermark('int_api_records_hourly_rollup') }}, {{ rollup_watermark('int_api_usage_blocks_rollup') }}
    )
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
            where {{ utc_hour('deleted.block_start') }} = {{ hour }}
        )
{%- endmacro %}


{# For on-run-end: whether this run has built a model. #}
{% macro was_built(name) %}
    {{ return(name in results | selectattr('status', 'equalto', 'success') | map(attribute='node.name') | list) }}
{% endmacro %}


{# For on-run-end: how many hours keep the sums of rows that have gone, and a warning of those that do not. #}
{% macro tell_of_pruned_rows() %}
    {% set query = pruned_hours() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% if not was_built('int_pruned_calls') %}{{ return('') }}{% endif %}
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
