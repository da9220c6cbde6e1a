{# The pairs of `rows` (records of both logs) that share a pairing_key and a `block`. #}
{% macro pairs_within(rows, block) -%}
    select
        blocks.usage_ids[pairs.first_position] as api_usage_id,
        blocks.log_ids[pairs.second_position] as api_usage_log_id,
        blocks.log_credits[pairs.second_position] as credits_used
    from (
        select
            {%- for name, source_table in {'usage': 'api_usage', 'log': 'api_usage_log'}.items() %}
            array_agg(record_id order by created_at, record_id)
                filter (where source_table = '{{ source_table }}') as {{ name }}_ids,
            array_agg(created_at order by created_at, record_id)
                filter (where source_table = '{{ source_table }}') as {{ name }}_times,
            {%- endfor %}
            array_agg(credits_used order by created_at, record_id)
                filter (where source_table = 'api_usage_log') as log_credits
        from {{ rows }}
        where record_id is not null
        group by pairing_key, {{ block }}
        having min(source_table) <> max(source_table)
    ) as blocks
    cross join lateral {{ pair_in_order(
        'blocks.usage_times', 'blocks.log_times', var('api_log_match_tolerance_seconds')
    ) }} as pairs
{%- endmacro %}
