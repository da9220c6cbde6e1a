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
    {{ return(execute and name_in_database(relation.schema) == var('source_schema')) }}
{% endmacro %}
