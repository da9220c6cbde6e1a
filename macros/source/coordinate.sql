{% macro coordinate(column_name, actual_type, axis) %}
    {{- return(adapter.dispatch('coordinate', 'leadgen_analytics')(column_name, actual_type, axis)) -}}
{% endmacro %}


{% macro postgres__coordinate(column_name, actual_type, axis) -%}
    {%- set type = (actual_type or 'missing').split('(')[0] -%}
    {%- if type == 'point' -%}
        cast({{ column_name }}[{{ 0 if axis == 'x' else 1 }}] as numeric(10, 7))
    {%- elif type.split('.')[-1] in ('geography', 'geometry') -%}
        {#- PostGIS may live in a schema of its own, which the type's name gives when it is not on the search path. -#}
        {%- set schema = type.split('.')[0] ~ '.' if '.' in type else '' -%}
        cast({{ schema }}st_{{ axis }}(cast({{ column_name }} as {{ schema }}geometry)) as numeric(10, 7))
    {%- else -%}
        cast(null as numeric(10, 7))
    {%- endif -%}
{%- endmacro %}
