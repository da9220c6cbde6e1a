-- Over the last 50 runs. Seconds are not additive: models are built side by side.
with recent_runs as (

    select run_id
    from {{ ref('stg_run_log') }}
    where entry = 'start'
    order by entry_id desc
    limit 50

),

results as (

    select *
    from {{ ref('stg_run_log') }}
    where entry = 'node'

),

builds as (

    select
        node_id,
        node_name,
        seconds,
        recorded_at,
        row_number() over (partition by node_id order by entry_id desc) as recency
    from results
    where
        node_type in ('model', 'seed', 'snapshot')
        and status = 'success'
        and run_id in (select recent_runs.run_id from recent_runs)

),

models as (

    select
        node_id,
        max(node_name) as model_name,
        count(*) as builds,
        cast(avg(seconds) as numeric(18, 4)) as average_seconds,
        cast(max(seconds) as numeric(18, 4)) as longest_seconds,
        cast(max(case when recency = 1 then seconds end) as numeric(18, 4)) as last_seconds,
        max(recorded_at) as last_built_at
    from builds
    group by node_id

)

select * from models
