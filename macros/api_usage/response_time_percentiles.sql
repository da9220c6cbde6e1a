{#
  Percentiles by `keys` of calls that are counted by bucket of response time: interpolated between neighbours as
  percentile_cont does it, each within 2.5 % of the exact one.
#}
{% macro response_time_percentiles(response_times, keys, percentages) -%}
    with buckets as (

        select
            {{ keys | join(', ') }},
            {{ response_time_of('response_time_bucket') }} as response_time_ms,
            sum(call_count) as call_count
        from {{ response_times }} as response_times
        group by {{ keys | join(', ') }}, response_time_bucket

    ),

    ranked as (

        select
            *,
            sum(call_count) over (partition by {{ keys | join(', ') }} order by response_time_ms) as calls_so_far,
            sum(call_count) over (partition by {{ keys | join(', ') }}) - 1 as last_rank
        from buckets

    ),

    neighbours as (

        select
            {{ keys | join(', ') }},
            {%- for percentage in percentages %}
            max({{ percentage / 100 }} * last_rank - floor({{ percentage / 100 }} * last_rank)) as weight_{{ percentage }},
            min(case when calls_so_far > floor({{ percentage / 100 }} * last_rank) then response_time_ms end)
                as below_{{ percentage }},
            min(case when calls_so_far > ceil({{ percentage / 100 }} * last_rank) then response_time_ms end)
                as above_{{ percentage }}{{ ',' if not loop.last }}
            {%- endfor %}
        from ranked
        group by {{ keys | join(', ') }}

    )

    select
        {{ keys | join(', ') }},
        {%- for percentage in percentages %}
        cast(
            below_{{ percentage }} + (above_{{ percentage }} - below_{{ percentage }}) * weight_{{ percentage }}
            as {{ type_ratio() }}
        ) as p{{ percentage }}_response_time_ms{{ ',' if not loop.last }}
        {%- endfor %}
    from neighbours
{%- endmacro %}
