{# dbt asks this first of all, by a connection of its own. #}
{% macro postgres__list_schemas(database) %}
    {% if flags.WHICH in ('build', 'run', 'seed', 'test') %}
        {% do refuse(bad_session()) %}
        {% do mark_session() %}
    {% endif %}
    {{ return(dbt.postgres__list_schemas(database)) }}
{% endmacro %}


{# Asked next, by several connections at once, before anything is written. #}
{% macro postgres__list_relations_without_caching(schema_relation) %}
    {% do refuse(bad_session()) if flags.WHICH in ('build', 'run', 'seed', 'test') %}
    {{ return(dbt.postgres__list_relations_without_caching(schema_relation)) }}
{% endmacro %}


{#
  dbt-postgres names the type of every array column ARRAY, which no cast understands, so that no unit test could have an
  input with one. This is its query with the array's real name, such as text[].
#}
{% macro postgres__get_columns_in_relation(relation) -%}
    {% call statement('get_columns_in_relation', fetch_result=true) %}
        select
            column_name,
            case when data_type = 'ARRAY' then ltrim(udt_name, '_') || '[]' else data_type end as data_type,
            character_maximum_length,
            numeric_precision,
            numeric_scale
        from {{ relation.information_schema('columns') }}
        where
            table_name = {{ dbt.string_literal(relation.identifier) }}
            {%- if relation.schema %}
            and table_schema = {{ dbt.string_literal(relation.schema) }}
            {%- endif %}
        order by ordinal_position
    {% endcall %}
    {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{% endmacro %}


{#
  A table or column that this database lacks has nothing that could be late. One absurd time must not break the check, nor
  make a table look fresh for years: what lies outside the calendar, or ahead, is passed over. An index can serve this.
#}
{% macro postgres__collect_freshness(source, loaded_at_field, filter) %}
    {% if not is_source(source) %}{{ return(dbt.default__collect_freshness(source, loaded_at_field, filter)) }}{% endif %}
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


{#
  What dbt's generic tests select from. A source is read as staging reads it, so that a test on a table or a
  column that this database lacks passes instead of failing to run. Nothing is read where the database keeps the rule.
#}
{% macro postgres__get_where_subquery(relation) %}
    {%- set kept = enforced_rule() -%}
    {%- if kept -%}{{- return(no_tested_rows(kept)) -}}{%- endif -%}
    {%- set where = config.get('where', '') -%}
    {%- if is_source(relation) -%}
        {%- set relation = rows_of(relation) -%}
        {%- if where -%}
            {{- return('(select * from ' ~ relation ~ ' as source where ' ~ where ~ ') as dbt_subquery') -}}
        {%- endif -%}
        {{- return(relation ~ ' as dbt_subquery') -}}
    {%- endif -%}
    {{- return(dbt.default__get_where_subquery(relation)) -}}
{% endmacro %}


{# What a query that may be on a source can select from. #}
{% macro rows_of(relation) %}
    {{ return('(' ~ read_source(relation.identifier, repair_keys=false) ~ ')' if is_source(relation) else relation) }}
{% endmacro %}


{% macro is_source(relation) %}
    {{ return(
        execute and name_in_database(relation.schema) == var('source_schema')
        and declared_source(relation.identifier) is not none
    ) }}
{% endmacro %}


{# dbt's own rule, and: a rollup whose definition is not the one that it was built with is built in full. #}
{% macro should_full_refresh() %}
    {% set configured = config.get('full_refresh') %}
    {% if configured is not none %}{{ return(configured) }}{% endif %}
    {% if flags.FULL_REFRESH %}{{ return(true) }}{% endif %}
    {% if not this_rollup() %}{{ return(false) }}{% endif %}
    {% set built = run_query(
        "select definition from " ~ rollup_state() ~ " where rollup = '" ~ model.name ~ "'"
    ).rows %}
    {{ return(not built or built[0][0] != rollup_definition()) }}
{% endmacro %}


{# dbt's own rule, but that a test that reads nothing has nothing to store. #}
{% macro should_store_failures() %}
    {% set configured = config.get('store_failures') %}
    {% set is_stored = flags.STORE_FAILURES if configured is none else configured %}
    {{ return(is_stored and not enforced_rule()) }}
{% endmacro %}
