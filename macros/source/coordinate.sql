{% macro coordinate(column_name, actual_type, axis) %}
    {{- return(adapter.dispatch('coordinate', 'leadgen_analytics')(column_name, actual_type, axis)) -}}
{% endmacro %}


{#
  What is no degree (a projected coordinate, NaN, infinity) is read as NULL, and so is what is no point: PostGIS refuses
  to give the axis of a line or an area, which would fail every query on the leads.
#}
{% macro postgres__coordinate(column_name, actual_type, axis) -%}
    {%- set type = (actual_type or 'missing').split('(')[0] -%}
    {%- if type == 'point' -%}
        {%- set value = adapter.quote(column_name) ~ '[' ~ (0 if axis == 'x' else 1) ~ ']' -%}
    {%- elif type.split('.')[-1] in ('geography', 'geometry') and may_use_type(type) -%}
        {#- PostGIS may live in a schema of its own, which the type's name gives when it is not on the search path. -#}
        {%- set schema = type.rpartition('.')[0] ~ '.' if '.' in type else '' -%}
        {%- set geometry = 'cast(' ~ adapter.quote(column_name) ~ ' as ' ~ schema ~ 'geometry)' -%}
        {%- set value = 'case when ' ~ schema ~ 'geometrytype(' ~ geometry ~ ") in ('POINT', 'POINTM') and "
            ~ schema ~ 'st_srid(' ~ geometry ~ ') in (0, 4326) then ' ~ schema ~ 'st_' ~ axis ~ '(' ~ geometry ~ ') end' -%}
    {%- else -%}
        {%- set value = 'cast(null as double precision)' -%}
    {%- endif -%}
    {%- set limit = 180 if axis == 'x' else 90 -%}
    cast(case when {{ value }} between -{{ limit }} and {{ limit }} then {{ value }} end as numeric(10, 7))
{%- endmacro %}


{# Whether the role may use the schema in which a type is, and its functions. #}
{% macro may_use_type(type) %}
    {% if not execute %}{{ return(false) }}{% endif %}
    {% set query %}
        select count(*)
        from pg_catalog.pg_type as t
        inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
        where
            format_type(t.oid, null) = {{ literal(type) }}
            and has_schema_privilege(n.oid, 'usage')
    {% endset %}
    {{ return(run_query(query).rows[0][0] > 0) }}
{% endmacro %}
