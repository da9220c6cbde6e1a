{#
  A table or column that this database lacks has nothing that could be late. One absurd time must not break the check, nor
  make a table look fresh for years: what lies outside the calendar, or ahead, is passed over. An index can serve this.
#}
{% macro postgres__collect_freshness(source, loaded_at_field, filter) %}
    {% set columns = source_columns(source.identifier) %}
    {% set type = 'timestamp with time zone' %}
    {% call statement('collect_freshness', fetch_result=true, auto_begin=false) %}
        {%- if loaded_at_field in columns %}
        select max(loaded_at) as max_loaded_at, current_timestamp as snapshotted_at
        from (
            select {{ indexed_time(loaded_at_field, columns[loaded_at_field], type) }} as loaded_at
            from {{ source }}
            {%- if filter %} where {{ filter }}{% endif %}
        ) as source_times
        where {{ is_in_calendar('loaded_at', type) }} and loaded_at <= {{ latest_plausible_time() }}
        {%- else %}
        select current_timestamp as max_loaded_at, current_timestamp as snapshotted_at
        {%- endif %}
    {% endcall %}
    {{ return(load_result('collect_freshness')) }}
{% endmacro %}
