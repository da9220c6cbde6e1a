{% macro cast_source_column(column_name, actual_type, wanted_type) %}
    {{- return(adapter.dispatch('cast_source_column', 'leadgen_analytics')(column_name, actual_type, wanted_type)) -}}
{% endmacro %}


{#
  NaN, infinity, what is too large for the declared type and times before year 1 or after 9999 are values that no sum
  or date survives, so they are read as NULL. Text and the like is cast value by value, which is slow, and happens
  only where the source's type is unexpected.
#}
{% macro postgres__cast_source_column(column_name, actual_type, wanted_type) %}
    {%- set column = adapter.quote(column_name) -%}
    {%- set actual, wanted = numeric_type(actual_type or ''), numeric_type(wanted_type) -%}
    {%- if actual_type is none -%}
        cast(null as {{ wanted_type }})
    {%- elif actual and wanted and actual.digits <= wanted.digits and actual.scale <= wanted.scale -%}
        cast({{ 'nullif(' ~ column ~ ", 'NaN')" if actual.is_decimal else column }} as {{ wanted_type }})
    {%- elif actual and wanted -%}
        case when {{ column }} between -{{ wanted.largest }} and {{ wanted.largest }} then cast({{ column }} as {{ wanted_type }}) end
    {%- elif wanted_type in ('timestamp with time zone', 'date') and actual_type == wanted_type -%}
        case when {{ is_in_calendar(column, wanted_type) }} then {{ column }} end
    {%- elif wanted_type == 'timestamp with time zone' and actual_type in ('timestamp without time zone', 'date') -%}
        case
            when {{ is_in_calendar(column, actual_type) }}
                then cast({{ column }} as timestamp without time zone) at time zone 'UTC'
        end
    {%- elif wanted_type in ('timestamp with time zone', 'date') -%}
        (
            select value
            from (select cast({{ try_cast(column, wanted_type) }} as {{ wanted_type }}) as value) as readable
            where {{ is_in_calendar('value', wanted_type) }}
        )
    {%- elif wanted_type in (actual_type, 'text') or (actual_type, wanted_type) == ('character varying[]', 'text[]') -%}
        cast({{ column }} as {{ wanted_type }})
    {%- else -%}
        cast({{ try_cast(column, wanted_type) }} as {{ wanted_type }})
    {%- endif -%}
{% endmacro %}


{# Whether a date or timestamp lies in the years 1 to 9999, UTC. #}
{% macro is_in_calendar(column, type) -%}
    {{ column }} between cast('0001-01-01 00:00:00+00' as {{ type }})
    and cast('9999-12-31 {{ '00:00:00' if type == 'date' else '23:59:59.999999' }}+00' as {{ type }})
{%- endmacro %}


{# Digits before and after the point that a numeric type holds, and its largest value; none for any other type. #}
{% macro numeric_type(type) %}
    {%- set integers = {'smallint': (5, '32767'), 'integer': (10, '2147483647'), 'bigint': (19, '9223372036854775807')} -%}
    {%- if type in integers -%}
        {{ return({'digits': integers[type][0], 'scale': 0, 'largest': integers[type][1], 'is_decimal': false}) }}
    {%- elif type.startswith('numeric(') -%}
        {%- set precision, scale = (type[8:-1] ~ ',0').split(',')[:2] | map('int') -%}
        {%- set digits = precision - scale -%}
        {{ return({
            'digits': digits,
            'scale': scale,
            'largest': '9' * digits ~ ('.' ~ '9' * scale if scale else ''),
            'is_decimal': true,
        }) }}
    {%- elif type in ('numeric', 'real', 'double precision') -%}
        {#- as many digits as it likes -#}
        {{ return({'digits': 999, 'scale': 999, 'largest': none, 'is_decimal': true}) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}
