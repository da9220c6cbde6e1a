{{ config(schema=none) }}

with newest_run as (

    select
        started_at,
        finished_at,
        status
    from {{ ref('last_runs') }}
    order by started_at desc
    limit 1

),

watermarks as (

    {% for mart_name, rollups in rollups_of_marts().items() %}
    select
        cast('{{ mart_name }}' as {{ dbt.type_string() }}) as mart,
        {% set sources = "'" ~ rollups | sort | join(', ') ~ "'" if rollups else 'null' -%}
        cast({{ sources }} as {{ dbt.type_string() }}) as sources,
        {{ oldest_watermark(rollups.get('api_calls')) }} as calls_watermark,
        {{ oldest_watermark(rollups.get('leads')) }} as leads_watermark
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

freshness as (

    select
        watermarks.mart,
        -- least passes over NULL
        least(watermarks.calls_watermark, watermarks.leads_watermark) as watermark,
        coalesce(newest_run.finished_at, newest_run.started_at) as last_run_at,
        watermarks.sources as source, -- noqa: RF04
        watermarks.calls_watermark,
        watermarks.leads_watermark,
        newest_run.started_at as last_run_started_at,
        newest_run.finished_at as last_run_finished_at,
        newest_run.status as last_run_status
    from watermarks
    left join newest_run on true

)

select * from freshness
