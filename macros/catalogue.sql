{# An identifier as SQL has it, whatever is in it: adapter.quote() leaves a quotation mark inside as it is. #}
{% macro quoted(name) -%}
    "{{ name | replace('"', '""') }}"
{%- endmacro %}


{# A table of the application as SQL has it: schema and name, quoted. #}
{% macro quoted_source(table_name) -%}
    {%- set table = declared_source(table_name) -%}
    {{ quoted(table.schema) }}.{{ quoted(table.identifier) }}
{%- endmacro %}


{# Text as SQL has it, in quotation marks. #}
{% macro literal(text) -%}
    {{ dbt.string_literal(dbt.escape_single_quotes(text)) }}
{%- endmacro %}


{#
  The rows of a query as a list of dictionaries, whose values have the types that the database gives them: in a table of
  dbt's own, a text that looks like a number or a date becomes one.
#}
{% macro query_rows(query) %}
    {{ return(adapter.dispatch('query_rows', 'leadgen_analytics')(query)) }}
{% endmacro %}


{% macro postgres__query_rows(query) %}
    {% call statement('query_rows', fetch_result=true) %}
        select cast(coalesce(json_agg(row_to_json(found)), '[]') as text) from ({{ query }}) as found
    {% endcall %}
    {{ return(fromjson(load_result('query_rows').data[0][0])) }}
{% endmacro %}


{#
  Begins a transaction for `dbt run-operation`. dbt ends one before it calls the macro, in a way of which the driver learns
  nothing, and without this every statement would be committed by itself.
#}
{% macro begin_operation() %}
    {% call statement('begin_operation') %}
        begin
    {% endcall %}
{% endmacro %}


{% macro rollback_operation() %}
    {% call statement('rollback_operation') %}
        rollback
    {% endcall %}
{% endmacro %}
