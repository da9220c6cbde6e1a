-- A run without an end still holds the lock, or has been killed. The log is read once for starts and once for ends, as
-- PostgreSQL would compute all of it if a CTE were read twice.
with starts as (

    select *
    from {{ ref('stg_run_log') }}
    where entry = 'start'

),

ends as (

    select *
    from {{ ref('stg_run_log') }}
    where entry = 'end'

),

runs as (

    select
        starts.run_id,
        starts.recorded_at as started_at,
        ends.recorded_at as finished_at,
        case
            when ends.status is not null then ends.status
            when {{ holds_run_lock('starts.server_pid') }} then 'running'
            else 'not finished'
        end as status,
        ends.seconds,
        ends.attempt as attempts,
        ends.models,
        ends.tests,
        ends.warnings,
        ends.failed,
        ends.skipped,
        ends.stale_sources,
        ends.message,
        starts.selector,
        starts.host_name
    from starts
    left join ends on starts.run_id = ends.run_id

)

select * from runs
