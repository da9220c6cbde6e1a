-- Tests whose newest result is not a pass. One that the newest run of the same selector no longer has is gone.
with results as (

    select
        entry_id,
        node_id,
        case when status = 'pass' then entry_id end as passed_entry_id
    from {{ ref('stg_run_log') }}
    where entry = 'node' and node_type in ('test', 'unit_test') and status <> 'skipped'

),

newest as (

    select
        node_id,
        max(entry_id) as last_entry_id,
        coalesce(max(passed_entry_id), 0) as passed_entry_id
    from results
    group by node_id

),

failures as (

    select *
    from {{ ref('stg_run_log') }}
    where entry = 'node' and status not in ('pass', 'skipped', 'success')

),

since as (

    select
        newest.node_id,
        max(newest.last_entry_id) as last_entry_id,
        min(failures.entry_id) as first_entry_id,
        count(distinct failures.run_id) as failed_runs
    from newest
    inner join failures on newest.node_id = failures.node_id and newest.passed_entry_id < failures.entry_id
    where newest.passed_entry_id < newest.last_entry_id
    group by newest.node_id

),

starts as (

    select *
    from {{ ref('stg_run_log') }}
    where entry = 'start'

),

-- Only a run that came to an end has a result for every node.
ends as (

    select *
    from {{ ref('stg_run_log') }}
    where entry = 'end' and status in ('ok', 'failed') and tests > 0

),

finished_runs as (

    select
        starts.run_id,
        starts.selector,
        row_number() over (partition by starts.selector order by starts.entry_id desc) as recency
    from starts
    inner join ends on starts.run_id = ends.run_id

),

present as (

    select
        nodes.node_id,
        finished_runs.selector
    from finished_runs
    inner join {{ ref('stg_run_log') }} as nodes on finished_runs.run_id = nodes.run_id
    where finished_runs.recency = 1 and nodes.entry = 'node'

),

tests as (

    select
        since.node_id,
        latest.node_name as test_name,
        latest.status,
        latest.failures,
        earliest.recorded_at as failing_since,
        since.failed_runs,
        latest.recorded_at as last_tested_at,
        latest.message
    from since
    inner join {{ ref('stg_run_log') }} as latest on since.last_entry_id = latest.entry_id
    inner join {{ ref('stg_run_log') }} as earliest on since.first_entry_id = earliest.entry_id
    inner join {{ ref('stg_run_log') }} as begun on latest.run_id = begun.run_id and begun.entry = 'start'
    left join finished_runs on begun.selector = finished_runs.selector and finished_runs.recency = 1
    where
        finished_runs.run_id is null
        or exists (
            select 1
            from present
            where since.node_id = present.node_id and begun.selector = present.selector
        )

)

select * from tests
