select
    -- ids
    entry_id,
    run_id,
    node_id,

    -- text
    entry,
    status,
    {{ dbt.split_part('node_id', "'.'", 1) }} as node_type,
    case {{ dbt.split_part('node_id', "'.'", 1) }}
        when 'source' then {{ dbt.concat([
            dbt.split_part('node_id', "'.'", 3), "'.'", dbt.split_part('node_id', "'.'", 4)
        ]) }}
        when 'unit_test' then {{ dbt.split_part('node_id', "'.'", 4) }}
        else {{ dbt.split_part('node_id', "'.'", 3) }}
    end as node_name,
    message,
    {{ json_text('details', ['host']) }} as host_name,
    coalesce({{ json_text('details', ['selector']) }}, 'default') as selector,

    -- numerics
    attempt,
    seconds,
    failures,
    rows_affected,
    cast({{ json_text('details', ['server_pid']) }} as integer) as server_pid,
    cast({{ json_text('details', ['models']) }} as integer) as models,
    cast({{ json_text('details', ['tests']) }} as integer) as tests,
    cast({{ json_text('details', ['warnings']) }} as integer) as warnings,
    cast({{ json_text('details', ['failed']) }} as integer) as failed,
    cast({{ json_text('details', ['skipped']) }} as integer) as skipped,
    cast({{ json_text('details', ['stale_sources']) }} as integer) as stale_sources,

    -- timestamps
    recorded_at

from {{ source('audit', 'run_log') }}
