{# For a mart's type that is narrower than what it is computed from: one impossible value must not fail every query. #}
{% macro cast_or_null(expression, precision, scale) -%}
    cast(
        case when abs({{ expression }}) < 1{{ '0' * (precision - scale) }} - 1 then {{ expression }} end
        as numeric({{ precision }}, {{ scale }})
    )
{%- endmacro %}


{% macro type_money() -%}
    numeric(18, 4)
{%- endmacro %}


{% macro type_ratio() -%}
    numeric(18, 6)
{%- endmacro %}


{% macro type_timestamptz() %}
    {{- return(adapter.dispatch('type_timestamptz', 'leadgen_analytics')()) -}}
{% endmacro %}


{% macro postgres__type_timestamptz() -%}
    timestamptz
{%- endmacro %}


{% macro type_uuid() %}
    {{- return(adapter.dispatch('type_uuid', 'leadgen_analytics')()) -}}
{% endmacro %}


{% macro postgres__type_uuid() -%}
    uuid
{%- endmacro %}


{# The md5 of a compound key, as text. NULL is told from every text. #}
{% macro hash_key(expressions) -%}
    {%- set parts = [] -%}
    {%- for expression in expressions -%}
        {%- do parts.append("coalesce(cast(" ~ expression ~ " as " ~ dbt.type_string() ~ "), '~null~')") -%}
        {%- do parts.append("'|'") if not loop.last -%}
    {%- endfor -%}
    {{ dbt.hash(dbt.concat(parts)) }}
{%- endmacro %}


{# A 64-bit hash of a text: two texts of the same hash are not to be expected among a billion that could be confused. #}
{% macro hash_number(text) %}
    {{- return(adapter.dispatch('hash_number', 'leadgen_analytics')(text)) -}}
{% endmacro %}


{% macro postgres__hash_number(text) -%}
    hashtextextended({{ text }}, 0)
{%- endmacro %}


{# A stable uuid of a compound key. NULL is told from every text. #}
{% macro hash_uuid(expressions) -%}
    cast({{ hash_key(expressions) }} as {{ type_uuid() }})
{%- endmacro %}


{# An array of the value; NULL if the value is NULL. #}
{% macro array_of_one(value) %}
    {{- return(adapter.dispatch('array_of_one', 'leadgen_analytics')(value)) -}}
{% endmacro %}


{% macro postgres__array_of_one(value) -%}
    case when {{ value }} is not null then array[{{ value }}] end
{%- endmacro %}


{# A relation with one row per element of an array, to select from laterally. #}
{% macro unnest(array) %}
    {{- return(adapter.dispatch('unnest', 'leadgen_analytics')(array)) -}}
{% endmacro %}


{% macro postgres__unnest(array) -%}
    unnest({{ array }})
{%- endmacro %}
