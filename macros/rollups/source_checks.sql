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
    {#- also a full refresh of this model alone must not take back what rollups have, nor the number they have come to -#}
    {% set reached = run_query(
        "select cast(greatest(max(watermark), " ~ settled ~ ") as text), coalesce(max(version), 0) + 1 from " ~ rollup_state()
    ).rows[0] %}
    {% for name, tables in tracked_sources().items() %}
        {% set header = none if is_new else run_query(
            "select cast(greatest(watermark, " ~ settled ~ ") as text), version, activity, record_count,"
            ~ " cast(watermark - " ~ var('rollup_lookback_hours') ~ " * interval '1 hour' as text),"
            ~ scanned_lately()
            ~ " from " ~ this ~ " as changes where source_name = '" ~ name ~ "' and block_start = '-infinity'"
        ).rows[0] %}
        {% set check = {
            'scan_from': none, 'activity': source_activity(tables), 'scanned_at': none, 'anchor': none,
            'watermark': header[0] if header else reached[0], 'version': reached[1],
        } %}
        {% if header %}
            {% do check.update({'version': [header[1] + 1, reached[1]] | max}) %}
            {% if header[5] and is_explained(name, check.activity, header[2], header[3], header[4]) %}
                {% do check.update({
                    'scan_from': header[4], 'activity': header[2], 'scanned_at': header[5], 'anchor': header[3],
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


{# Whether the rows from `scan_from` on account for all that has happened since everything was last looked at. #}
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
        select
            (select count(*) from ({{ source_rows(source_name, scan_from) }}) as recent)
            + (
                select coalesce(sum(record_count), 0)
                from {{ this }}
                where source_name = '{{ source_name }}' and block_start > '-infinity' and block_start < '{{ scan_from }}'
            )
    {% endset %}
    {{ return(counters.new_rows <= run_query(query).rows[0][0] - anchor_count) }}
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
