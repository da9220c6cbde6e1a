{#
  A hash of campaign, service and endpoint: records of one call have it in common. A part that one of the two logs has
  no column for is left out, because it would keep every record of that log from its other half. A hash, because
  sorting millions of numbers takes a fraction of the time that texts take.
#}
{% macro pairing_key(campaign_id, api_service, endpoint) -%}
    {%- set compared = columns_of_both_logs(['campaign_id', 'endpoint']) -%}
    {%- set parts = [] -%}
    {%- for column, part in {'campaign_id': campaign_id, 'endpoint': endpoint}.items() -%}
        {%- if column in compared -%}
            {%- do parts.append("coalesce(cast(" ~ part ~ " as " ~ dbt.type_string() ~ "), '')") -%}
        {%- else -%}
            {%- do parts.append("''") -%}
        {%- endif -%}
    {%- endfor -%}
    {{ hash_number(dbt.concat([parts[0], "'|'", api_service, "'|'", parts[1]])) }}
{%- endmacro %}


{# Whether campaign, service and endpoint are all compared. #}
{% macro pairs_need_one_campaign() %}
    {{ return(columns_of_both_logs(['campaign_id', 'endpoint']) | length == 2) }}
{% endmacro %}


{# Those of the columns that no log lacks. A log that is not there lacks none, because nothing pairs with it. #}
{% macro columns_of_both_logs(columns) %}
    {% set usage_columns, log_columns = source_columns('api_usage'), source_columns('api_usage_log') %}
    {% if not usage_columns or not log_columns %}{{ return(columns) }}{% endif %}
    {{ return(columns | select('in', usage_columns) | select('in', log_columns) | list) }}
{% endmacro %}


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


{#
  Pairs of the records of two tables, whose times are given as arrays in order: first with first, each at most once, at
  most the tolerance apart. This is the largest number of pairs there can be. Gives positions in the two arrays.
#}
{% macro pair_in_order(first_times, second_times, tolerance_seconds) %}
    {{- return(adapter.dispatch('pair_in_order', 'leadgen_analytics')(first_times, second_times, tolerance_seconds)) -}}
{% endmacro %}


{% macro postgres__pair_in_order(first_times, second_times, tolerance_seconds) -%}
    {{ function_name('pair_in_order') }}({{ first_times }}, {{ second_times }}, {{ tolerance_seconds }} * interval '1 second')
{%- endmacro %}


{#
  A loop, because "the first that is still free" is a state that no window function carries from row to row. The search
  path is fixed for the reason that try_cast_definition gives.
#}
{% macro pair_in_order_definition() -%}
    {{ function_name('pair_in_order') }}(first_times timestamptz[], second_times timestamptz[], tolerance interval)
    returns table (first_position integer, second_position integer)
    language plpgsql stable parallel safe rows 20 set search_path = pg_catalog, pg_temp as $function$
    begin
        first_position := 1;
        second_position := 1;
        while first_position <= cardinality(first_times) and second_position <= cardinality(second_times) loop
            if second_times[second_position] - first_times[first_position] > tolerance then
                first_position := first_position + 1;
            elsif first_times[first_position] - second_times[second_position] > tolerance then
                second_position := second_position + 1;
            else
                return next;
                first_position := first_position + 1;
                second_position := second_position + 1;
            end if;
        end loop;
    end
    $function$
{%- endmacro %}


{# The pairs of `rows` (records of both logs) that share a pairing_key and a `block`. #}
{% macro pairs_within(rows, block) -%}
    select
        blocks.usage_ids[pairs.first_position] as api_usage_id,
        blocks.log_ids[pairs.second_position] as api_usage_log_id,
        blocks.log_credits[pairs.second_position] as credits_used
    from (
        select
            {%- for name, source_table in {'usage': 'api_usage', 'log': 'api_usage_log'}.items() %}
            array_agg(record_id order by created_at, record_id)
                filter (where source_table = '{{ source_table }}') as {{ name }}_ids,
            array_agg(created_at order by created_at, record_id)
                filter (where source_table = '{{ source_table }}') as {{ name }}_times,
            {%- endfor %}
            array_agg(credits_used order by created_at, record_id)
                filter (where source_table = 'api_usage_log') as log_credits
        from {{ rows }}
        where record_id is not null
        group by pairing_key, {{ block }}
        having min(source_table) <> max(source_table)
    ) as blocks
    cross join lateral {{ pair_in_order(
        'blocks.usage_times', 'blocks.log_times', var('api_log_match_tolerance_seconds')
    ) }} as pairs
{%- endmacro %}


{#
  For on-run-end: services of whose calls most have no second record within the tolerance, but one a little further: one log
  has the start of a call, the other its end, and each call is counted twice. The newest week is looked at, and only of a
  service that has few pairs.
#}
{% macro tell_of_distant_records() %}
    {% set daily = ref('int_service_usage_daily') %}
    {#- so that dbt sees what the query refers to -#}
    {% if not execute %}{% set query = distant_records('null', 'null') %}{% endif %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% if not was_built('int_service_usage_daily') %}{{ return('') }}{% endif %}
    {% for row in distant_record_rows(daily) %}
        {% do exceptions.warn(
            row[0] ~ ': of the ' ~ row[1] ~ ' calls that api_usage has of ' ~ row[4] ~ ' and later, ' ~ row[2] ~ ' (' ~ row[3]
            ~ ' USD) have no record in api_usage_log within ' ~ var('api_log_match_tolerance_seconds')
            ~ ' s, but one within ' ~ row[5] ~ ' s. If these are the same calls, they are counted twice: set'
            ~ ' api_log_match_tolerance_seconds to ' ~ row[5] ~ '.'
        ) %}
    {% endfor %}
    {{ return('') }}
{% endmacro %}


{# Rows of distant_records for the services that have few pairs in the newest week. #}
{% macro distant_record_rows(daily) %}
    {% set query %}
        with newest as (
            select max(call_date) - 6 as first_day from {{ daily }} where usage_calls > 0
        )

        select
            daily.api_service,
            {{ date_text('newest.first_day') }}
        from {{ daily }} as daily
        inner join newest on daily.call_date >= newest.first_day
        group by 1, 2
        having
            least(sum(daily.usage_calls), sum(daily.log_calls)) > 0
            and 2 * sum(daily.paired_calls) < least(sum(daily.usage_calls), sum(daily.log_calls))
    {% endset %}
    {% set found = run_query(query) %}
    {% if not found.rows | length %}{{ return([]) }}{% endif %}
    {% set services = [] %}
    {% for row in found.rows %}{% do services.append(literal(row[0])) %}{% endfor %}
    {#- in the database that is asked, which the doctor may know by another name than the project was parsed with -#}
    {% set database = adapter.quote(ref('stg_api_usage').database) ~ '.' %}
    {% set query = distant_records(services | join(', '), "'" ~ found.rows[0][1] ~ "'") | replace(database, '') %}
    {{ return(run_query(query).rows) }}
{% endmacro %}


{# The same as lists, for the doctor; empty where nothing is built, or the role may not read it. #}
{% macro distant_records_of_last_run() %}
    {{ return(adapter.dispatch('distant_records_of_last_run', 'leadgen_analytics')()) }}
{% endmacro %}


{% macro postgres__distant_records_of_last_run() %}
    {% set wanted = ['int_service_usage_daily', 'stg_api_usage', 'stg_api_usage_log', 'service_aliases', 'endpoint_aliases'] %}
    {% set query %}
        select count(*)
        from pg_catalog.pg_class as c
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        where
            n.nspname in ({{ literal(target.schema ~ '_intermediate') }}, {{ literal(target.schema ~ '_staging') }})
            and c.relname in ('{{ wanted | join("', '") }}')
            and has_schema_privilege(n.oid, 'usage')
            and has_table_privilege(c.oid, 'select')
    {% endset %}
    {% set found = [] %}
    {% if run_query(query).rows[0][0] == wanted | length %}
        {% set daily = adapter.quote(target.schema ~ '_intermediate') ~ '.int_service_usage_daily' %}
        {% for row in distant_record_rows(daily) %}
            {% do found.append([row[0], row[1] | int, row[2] | int, row[3], row[4], row[5] | int]) %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}


{#
  A query with a row for each of the services, a fifth or more of whose calls since a day have their nearest record in the
  other log beyond the tolerance, but within two minutes: service, calls, those calls, their cost in USD, the day, and the
  seconds within which 95 % of these have it.
#}
{% macro distant_records(services, first_day) -%}
    with recorded as (

        {%- for log in ['api_usage', 'api_usage_log'] %}
        select
            '{{ log }}' as source_table,
            campaign_id,
            recorded_service,
            recorded_endpoint,
            cost,
            created_at
        from {{ ref('stg_' ~ log) }}
        where source_created_at >= {{ seconds_later(hour_start(first_day, 0), -120) }}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}

    ),

    names as (

        {{ api_names('recorded') }}

    ),

    named as (

        {{ named_api_records('recorded', 'names') }}

    ),

    beside as (

        select
            *,
            max(case when source_table = 'api_usage_log' then created_at end) over (
                partition by pairing_key order by created_at rows between unbounded preceding and current row
            ) as log_before,
            min(case when source_table = 'api_usage_log' then created_at end) over (
                partition by pairing_key order by created_at rows between current row and unbounded following
            ) as log_after
        from named

    ),

    distances as (

        select
            api_service,
            cost,
            extract(epoch from least(created_at - log_before, log_after - created_at)) as seconds
        from beside
        where source_table = 'api_usage' and api_service in ({{ services }})

    )

    select
        api_service,
        count(*) as calls,
        count(case when {{ is_beyond_tolerance('seconds') }} then 1 end) as distant_calls,
        {{ money_text("coalesce(sum(case when " ~ is_beyond_tolerance('seconds') ~ " then cost end), 0)") }} as distant_cost,
        {{ first_day }} as first_day,
        ceil(percentile_disc(0.95) within group (
            order by case when {{ is_beyond_tolerance('seconds') }} then seconds end
        )) as wanted_tolerance
    from distances
    group by api_service
    having 5 * count(case when {{ is_beyond_tolerance('seconds') }} then 1 end) >= count(*)
{%- endmacro %}


{% macro is_beyond_tolerance(seconds) -%}
    {{ seconds }} > {{ var('api_log_match_tolerance_seconds') }} and {{ seconds }} <= 120
{%- endmacro %}
