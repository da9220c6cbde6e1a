{# An incremental strategy: what lies in the window goes, and what has been computed for it comes. #}
{% macro get_incremental_replace_window_sql(arguments) %}
    {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) -%}
    delete from {{ arguments.target_relation }}
    where {{ in_periods(changed_window(), this_rollup().period, this_rollup().get('prefix', 'call')) }};

    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arguments.temp_relation }}
{% endmacro %}


{# The post-hook of every rollup, in the transaction that writes its rows. #}
{% macro advance_rollup() %}
    {% if not this_rollup() %}{{ return('') }}{% endif %}
    insert into {{ rollup_state() }} (rollup, watermark, version, definition)
    select
        '{{ model.name }}',
        {{ period_start('upstream.watermark', this_rollup().period) }},
        upstream.version,
        '{{ rollup_definition() }}'
    from ({{ rollup_upstream() }}) as upstream
    on conflict (rollup) do update set
        watermark = excluded.watermark, version = excluded.version, definition = excluded.definition
{% endmacro %}
