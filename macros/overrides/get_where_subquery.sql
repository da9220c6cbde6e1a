{#
  What dbt's generic tests select from. A source is read as staging reads it, so that a test on a table or a
  column that this database lacks passes instead of failing to run.
#}
{% macro postgres__get_where_subquery(relation) %}
    {%- set where = config.get('where', '') -%}
    {%- if is_source(relation) -%}
        {%- set relation = '(' ~ read_source(relation.identifier) ~ ')' -%}
        {%- if where -%}
            {{- return('(select * from ' ~ relation ~ ' as source where ' ~ where ~ ') as dbt_subquery') -}}
        {%- endif -%}
        {{- return(relation ~ ' as dbt_subquery') -}}
    {%- endif -%}
    {{- return(dbt.default__get_where_subquery(relation)) -}}
{% endmacro %}


{% macro is_source(relation) %}
    {{ return(execute and relation.schema == var('source_schema')) }}
{% endmacro %}
