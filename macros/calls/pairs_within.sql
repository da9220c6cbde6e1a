{# The pairs of `rows` (records of both logs) that share a pairing_key and a `block`. #}
{% macro pairs_within(rows, block) -%}
    select
        pairs.first_id as api_usage_id,
        pairs.second_id as api_usage_log_id
    from (
        select
            {%- for name, source_table in {'usage': 'api_usage', 'log': 'api_usage_log'}.items() %}
            array_agg(record_id order by created_at, record_id)
                filter (where source_table = '{{ source_table }}') as {{ name }}_ids,
            array_agg(created_at order by created_at, record_id)
                filter (where source_table = '{{ source_table }}') as {{ name }}_times{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ rows }}
        where record_id is not null
        group by pairing_key, {{ block }}
        having min(source_table) <> max(source_table)
    ) as blocks
    cross join lateral {{ pair_in_order(
        'usage_ids', 'usage_times', 'log_ids', 'log_times', var('api_log_match_tolerance_seconds')
    ) }} as pairs
{%- endmacro %}
