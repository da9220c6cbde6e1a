{% macro cast_source_column(column_name, actual_type, wanted_type) %}
    {{- return(adapter.dispatch('cast_source_column', 'leadgen_analytics')(column_name, actual_type, wanted_type)) -}}
{% endmacro %}


{#
  NaN, infinity, what is too large for the declared type and times before year 1 or after 9999 are values that no sum
  or date survives, so they are read as NULL. What has a cast of its own is cast; only text and the like goes value by
  value, which is slow. Text gets the database's own collation: a column's own may allow no pattern, or fit no other's.
#}
{% macro postgres__cast_source_column(column_name, actual_type, wanted_type) %}
    {%- set column = adapter.quote(column_name) -%}
    {%- set actual, wanted = numeric_type(actual_type or ''), numeric_type(wanted_type) -%}
    {%- if actual_type is none -%}
        cast(null as {{ wanted_type }})
    {%- elif wanted_type == 'text' -%}
        cast({{ column }} as text) collate "default"
    {%- elif wanted_type == 'uuid' and (actual or is_text(actual_type)) -%}
        {{ uuid_of_text('cast(' ~ column ~ ' as text) collate "default"') }}
    {%- elif wanted_type == 'uuid[]' and (is_text(actual_type, '[]') or numeric_type(actual_type | replace('[]', ''))) -%}
        (
            select array_agg({{ uuid_of_text('cast(element as text) collate "default"') }} order by place)
            from unnest({{ column }}) with ordinality as elements (element, place)
        )
    {%- elif actual and wanted and actual.digits <= wanted.digits and actual.scale <= wanted.scale -%}
        cast({{ "nullif(cast(" ~ column ~ " as " ~ actual_type ~ "), 'NaN')" if actual.is_decimal else column }} as {{ wanted_type }})
    {%- elif wanted and (actual or actual_type == 'money') -%}
        {%- set number = column if actual else 'cast(' ~ column ~ ' as numeric)' -%}
        case when {{ number }} between -{{ wanted.largest }} and {{ wanted.largest }} then cast({{ number }} as {{ wanted_type }}) end
    {%- elif wanted_type == 'boolean' and actual -%}
        ({{ column }} <> 0)
    {%- elif wanted_type in calendar_types() and actual_type in calendar_types() -%}
        case when {{ is_in_calendar(column, actual_type) }} then {{ cast_time(column, actual_type, wanted_type) }} end
    {%- elif wanted_type in calendar_types() -%}
        (
            select value
            from (select cast({{ try_cast(column, wanted_type) }} as {{ wanted_type }}) as value) as readable
            where {{ is_in_calendar('value', wanted_type) }}
        )
    {%- elif wanted_type == actual_type or (wanted_type == 'text[]' and is_text(actual_type, '[]')) -%}
        cast({{ column }} as {{ wanted_type }})
    {%- else -%}
        cast({{ try_cast(column, wanted_type) }} as {{ wanted_type }})
    {%- endif -%}
{% endmacro %}


{# Whether a type, or with `suffix` an array of it, is text by another name. #}
{% macro is_text(type, suffix='') %}
    {% set names = ['text', 'character varying', 'character', 'citext', 'name'] %}
    {{ return(type.endswith(suffix) and type[:type | length - suffix | length].split('.')[-1] in names) }}
{% endmacro %}


{% macro calendar_types() %}
    {{ return(['timestamp with time zone', 'timestamp without time zone', 'date']) }}
{% endmacro %}


{# A time or date as another one. What has no zone is in source_timezone, whoever asks. #}
{% macro cast_time(column, actual_type, wanted_type) -%}
    {%- if 'without' in actual_type or actual_type == 'date' -%}
        {%- if wanted_type == 'date' -%}
            cast({{ column }} as date)
        {%- else -%}
            cast({{ column }} as timestamp without time zone) at time zone '{{ var('source_timezone') }}'
        {%- endif -%}
    {%- elif wanted_type == 'date' -%}
        cast({{ column }} at time zone 'UTC' as date)
    {%- else -%}
        cast({{ column }} as timestamp with time zone)
    {%- endif -%}
{%- endmacro %}


{#
  The uuid that a key of another type stands for, the same wherever the key is written: a uuid's text is that uuid, and
  any other text or number is md5(key)::uuid.
#}
{% macro uuid_of_text(text) -%}
    {%- set bare = 'trim(translate(' ~ text ~ ", '{}', ''))" -%}
    case
        when {{ bare }} ~ '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$' then cast({{ bare }} as uuid)
        else cast(md5({{ blank_to_null(text) }}) as uuid)
    end
{%- endmacro %}


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


{#
  One in the last place that a column of numbers can hold, 0 if it holds any number of places: what is added to it is
  rounded to that each time.
#}
{% macro last_place(table_name, column_name) -%}
    {%- set type = source_columns(table_name).get(column_name) or '' -%}
    {%- set number = numeric_type('numeric(19,2)' if type == 'money' else type) -%}
    cast({{ '1e-' ~ number.scale if number and number.largest else '0' }} as {{ type_money() }})
{%- endmacro %}


{# A time or date as an index on its column can serve it: uncleaned, so that it may be NULL or infinite. For filters. #}
{% macro indexed_time(column_name, actual_type, wanted_type) %}
    {{- return(adapter.dispatch('indexed_time', 'leadgen_analytics')(column_name, actual_type, wanted_type)) -}}
{% endmacro %}


{% macro postgres__indexed_time(column_name, actual_type, wanted_type) -%}
    {%- set column = adapter.quote(column_name) -%}
    {%- if actual_type == wanted_type -%}
        {{ column }}
    {%- elif actual_type in calendar_types() and wanted_type in calendar_types() -%}
        {{ cast_time(column, actual_type, wanted_type) }}
    {%- else -%}
        {{ cast_source_column(column_name, actual_type, wanted_type) }}
    {%- endif -%}
{%- endmacro %}


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
