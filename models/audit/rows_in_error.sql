-- One row per run and test that found rows; of a test that was run again, the last result.
with results as (

    select *
    from {{ ref('stg_run_log') }}
    where entry = 'node'

),

later_attempts as (

    select
        run_id,
        node_id,
        attempt
    from {{ ref('stg_run_log') }}
    where entry = 'node' and attempt > 1

),

counts as (

    select
        results.entry_id,
        results.run_id,
        results.node_id,
        results.node_name as test_name,
        results.status,
        results.failures,
        results.recorded_at
    from results
    where
        results.failures > 0
        and results.node_type in ('test', 'unit_test')
        and not exists (
            select 1
            from later_attempts
            where
                results.run_id = later_attempts.run_id
                and results.node_id = later_attempts.node_id
                and results.attempt < later_attempts.attempt
        )

)

select * from counts
