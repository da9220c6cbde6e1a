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
