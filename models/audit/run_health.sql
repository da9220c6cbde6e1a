-- One row, even before the first run. A run that is still at work says nothing yet.
with runs as (

    select *
    from {{ ref('last_runs') }}
    where status <> 'running'

),

successes as (

    select
        max(finished_at) as last_success_at,
        max(started_at) as last_success_started_at
    from runs
    where status = 'ok'

),

failures as (

    select
        count(*) as failed_runs,
        min(coalesce(runs.finished_at, runs.started_at)) as failing_since
    from runs
    cross join successes
    where
        runs.status <> 'ok'
        and (successes.last_success_started_at is null or runs.started_at > successes.last_success_started_at)

),

health as (

    select
        case
            when failures.failed_runs > 0 then 'failing'
            when successes.last_success_at is not null then 'ok'
            else 'no run yet'
        end as state,
        successes.last_success_at,
        cast(
            round(cast(extract(epoch from current_timestamp - successes.last_success_at) as numeric) / 60, 1)
            as numeric(18, 4)
        ) as minutes_since_success,
        failures.failing_since,
        failures.failed_runs
    from successes
    cross join failures

)

select * from health
