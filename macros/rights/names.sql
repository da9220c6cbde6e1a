{# Values as a list for `in (…)`. #}
{% macro sql_texts(values) -%}
    {%- for value in values %}{{ literal(value) }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}


{# The schemas that this project builds in. #}
{% macro output_schemas() %}
    {% set schemas = [target.schema] %}
    {% for layer in ['staging', 'intermediate', 'metrics', 'audit', 'tenant'] %}
        {% do schemas.append(target.schema ~ '_' ~ layer) %}
    {% endfor %}
    {{ return(schemas) }}
{% endmacro %}


{# Those that the reporter reads. #}
{% macro reporter_schemas() %}
    {{ return([target.schema, target.schema ~ '_metrics']) }}
{% endmacro %}


{% macro tenant_schema() %}
    {{ return(target.schema ~ '_tenant') }}
{% endmacro %}
