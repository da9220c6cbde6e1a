-- Sums of hours before keep_sums_before that the application has deleted rows of, as the rollup had them. Only ever
-- added to, also by a full refresh, because the source cannot give it again.
{%- set own_columns = ['kept_at', 'version', 'left_record_ids', 'left_second_record_ids'] %}
-- depends_on: {{ ref('int_source_changes') }}
{% set changed = rollup_window() -%}
{#- a full refresh has forgotten which blocks have gone -#}
{% set window = none if flags.FULL_REFRESH else changed -%}
with recorded as (

    {#- as the last run left it; not a ref, because the rollup's next rows are made with these -#}
    {% if changed is none or var('keep_sums_before') is none %}
    select
        *,
        block_start as utc_hour
    from ({{ get_empty_schema_sql(model.columns) if execute else 'select 1' }}) as none_kept
    {% else %}
    select *
    from {{ sums_of_last_run() }}
    where
        kept_at is null
        and {{ in_periods(window, 'utc_hour') }}
        and {{ is_kept_when_pruned('utc_hour') }}
        -- open ends, if any, are in the last hour
        and utc_hour <= {{ seconds_later(watermark_of_last_run(), -7200) }}
    {% endif %}

),

known as (

    {% if changed is none %}
    select
        cast(null as {{ dbt.type_string() }}) as source_table,
        cast(null as {{ type_uuid() }}) as record_id
    {% else %}
    {{ records_of_kept_sums(this) }}
    {% endif %}
    union all
    select
        'api_usage_log' as source_table,
        record_id
    from {{ ref('int_deleted_campaign_log_records') }}

),

source_records as (

    {% for model, time in {
        'stg_api_usage': 'source_created_at',
        'stg_api_usage_log': 'source_created_at',
        'stg_api_cost_tracking': 'source_date',
    }.items() -%}
    select
        '{{ model[4:] }}' as source_table,
        {{ model[4:] }}_id as record_id,
        {{ utc_hour('created_at') }} as utc_hour
    from {{ ref(model) }}
    where {{ is_kept_when_pruned('created_at') }} and {{ window_filter(window, column=time) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

still_there as (

    select
        source_table,
        utc_hour,
        count(*) as record_count,
        array_agg(record_id) as record_ids
    from source_records
    where
        not exists (
            select 1
            from known
            where known.source_table = source_records.source_table and known.record_id = source_records.record_id
        )
    group by source_table, utc_hour

),

sums as (

    select
        recorded.*,
        row_number() over (partition by recorded.source_table, recorded.utc_hour) as row_in_hour,
        -- of recorded hourly sums there is at least one for each row
        sum(case when recorded.source_table = 'api_cost_tracking' then 1 else recorded.request_count end) over (
            partition by recorded.source_table, recorded.utc_hour
        ) as recorded_count
    from recorded

),

-- second records of these calls, across the hour's end: no calls of their own
across as (

    select
        sums.source_table,
        sums.utc_hour,
        array_agg(source_records.record_id) as record_ids
    from sums
    cross join lateral {{ unnest('sums.log_record_ids') }} as second_records (record_id)
    inner join source_records
        on
            source_records.source_table = 'api_usage_log'
            and second_records.record_id = source_records.record_id
            and sums.utc_hour <> source_records.utc_hour
    where sums.source_table = 'api_usage'
    group by sums.source_table, sums.utc_hour

),

compared as (

    select
        sums.*,
        still_there.record_ids,
        across.record_ids as record_ids_across,
        {{ dbt.bool_or('coalesce(still_there.record_count, 0) < sums.recorded_count') }} over (
            partition by sums.utc_hour
        ) as has_lost_rows
    from sums
    left join still_there
        on
            sums.source_table = still_there.source_table
            and sums.utc_hour = still_there.utc_hour
    left join across
        on
            sums.source_table = across.source_table
            and sums.utc_hour = across.utc_hour

)

select
    {%- for column in model.columns if column not in own_columns %}
    {{ column }},
    {%- endfor %}
    current_timestamp as kept_at,
    {{ 'upstream.version' if changed is not none else 'cast(0 as bigint) as version' }},
    case when row_in_hour = 1 then record_ids end as left_record_ids,
    case when row_in_hour = 1 then record_ids_across end as left_second_record_ids
from compared
{%- if changed is not none %}
cross join ({{ rollup_upstream() }}) as upstream
{%- endif %}
where has_lost_rows
