{% macro coordinate(column_name, actual_type, axis) %}
    {{- return(adapter.dispatch('coordinate', 'leadgen_analytics')(column_name, actual_type, axis)) -}}
{% endmacro %}


{# What is no degree (a projected coordinate, NaN, infinity) is read as NULL. #}
{% macro postgres__coordinate(column_name, actual_type, axis) -%}
    {%- set type = (actual_type or 'missing').split('(')[0] -%}
    {%- if type == 'point' -%}
        {%- set value = column_name ~ '[' ~ (0 if axis == 'x' else 1) ~ ']' -%}
    {%- elif type.split('.')[-1] in ('geography', 'geometry') -%}
        {#- PostGIS may live in a schema of its own, which the type's name gives when it is not on the search path. -#}
        {%- set schema = type.split('.')[0] ~ '.' if '.' in type else '' -%}
        {%- set value = schema ~ 'st_' ~ axis ~ '(cast(' ~ column_name ~ ' as ' ~ schema ~ 'geometry))' -%}
    {%- else -%}
        {%- set value = 'cast(null as double precision)' -%}
    {%- endif -%}
    {%- set limit = 180 if axis == 'x' else 90 -%}
    cast(case when {{ value }} between -{{ limit }} and {{ limit }} then {{ value }} end as numeric(10, 7))
{%- endmacro %}
