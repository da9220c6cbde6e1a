-- One row per source and block of time with its number of rows, and the run that last saw it change; and, as block
-- -infinity, one row per source with this run's watermark. See the macro rollup_window.
{%- set checks = source_checks() if execute else {'api_calls': {}, 'leads': {}} %}
with

{% for name, check in checks.items() -%}
{{ name }} as (

    select
        '{{ name }}' as source_name,
        block_start,
        count(*) as record_count,
        cast(sum(row_version) as numeric(38, 0)) as version_sum
    from ({{ source_rows(name, check.scan_from) }}) as tracked_rows
    group by block_start

),

{{ name }}_settled as (

    select *
    from {{ name }}
    where not {{ is_above("cast('" ~ check.watermark ~ "' as timestamptz)", 'block_start') }}

),

{{ name }}_known as (

    select
        block_start,
        record_count,
        version_sum
    {%- if is_incremental() %}
    from {{ this }}
    where
        source_name = '{{ name }}'
        and block_start > '-infinity'
        {%- if check.scan_from %}
        and block_start >= '{{ check.scan_from }}'
        {%- endif %}
    {%- else %}
    from {{ name }}
    where false
    {%- endif %}

),

{{ name }}_changes as (

    select
        '{{ name }}' as source_name,
        coalesce(settled.block_start, known.block_start) as block_start,
        coalesce(settled.record_count, 0) as record_count,
        coalesce(settled.version_sum, 0) as version_sum,
        cast({{ check.version }} as bigint) as version
    from {{ name }}_settled as settled
    full outer join {{ name }}_known as known
        on settled.block_start = known.block_start
    where
        settled.record_count is distinct from nullif(known.record_count, 0)
        {%- if var('replay_from') %}
        or coalesce(settled.block_start, known.block_start)
        between '{{ var('replay_from') }}' and '{{ var('replay_until') }}'
        {%- endif %}
        or settled.version_sum is distinct from nullif(known.version_sum, 0)

    union all

    select
        '{{ name }}' as source_name,
        cast('-infinity' as {{ type_timestamptz() }}) as block_start,
        {{ check.anchor if check.anchor is not none else '(select coalesce(sum(record_count), 0) from ' ~ name ~ ')' }}
            as record_count,
        0 as version_sum,
        cast({{ check.version }} as bigint) as version

){{ ',' if not loop.last }}

{% endfor %}

{%- for name, check in checks.items() %}
select
    source_name,
    block_start,
    cast(record_count as bigint) as record_count,
    cast(version_sum as numeric(38, 0)) as version_sum,
    version,
    cast(case when block_start = '-infinity' then '{{ check.watermark }}' end as {{ type_timestamptz() }})
        as watermark,
    case when block_start = '-infinity' then {{ "'" ~ check.activity ~ "'" if check.activity else 'null' }} end
        as activity,
    cast(
        case
            when block_start = '-infinity'
                then {{ "'" ~ check.scanned_at ~ "'" if check.scanned_at else 'current_timestamp' }}
        end as {{ type_timestamptz() }}
    ) as scanned_at
from {{ name }}_changes
{% if not loop.last %}union all{% endif %}
{%- endfor %}
