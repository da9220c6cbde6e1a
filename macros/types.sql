{# For a mart's type that is narrower than what it is computed from: one impossible value must not fail every query. #}
{% macro cast_or_null(expression, precision, scale) -%}
    cast(
        case when abs({{ expression }}) < 1{{ '0' * (precision - scale) }} - 1 then {{ expression }} end
        as numeric({{ precision }}, {{ scale }})
    )
{%- endmacro %}


{# USD where they are added up: nothing is rounded below what a source has. #}
{% macro type_money() -%}
    numeric(28, 10)
{%- endmacro %}


{# USD where they are shown, after they have been added up. #}
{% macro type_shown_money() -%}
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


{# USD as text: four decimals, and more only where there are more. #}
{% macro money_text(money) %}
    {{- return(adapter.dispatch('money_text', 'leadgen_analytics')(money)) -}}
{% endmacro %}


{% macro postgres__money_text(money) -%}
    cast(round({{ money }}, greatest(min_scale({{ money }}), 4)) as text)
{%- endmacro %}


{# A time as text, in UTC, the same in every session: `2026-01-01 10:00:00.5`. #}
{% macro time_text(timestamp) %}
    {{- return(adapter.dispatch('time_text', 'leadgen_analytics')(timestamp)) -}}
{% endmacro %}


{# There is no form for an infinite time; as text it is the same in every session. #}
{% macro postgres__time_text(timestamp) -%}
    coalesce(
        rtrim(rtrim(to_char({{ timestamp }} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), '0'), '.'),
        cast({{ timestamp }} as text)
    )
{%- endmacro %}


{# A date as text, the same in every session: `2026-01-01`. #}
{% macro date_text(date) %}
    {{- return(adapter.dispatch('date_text', 'leadgen_analytics')(date)) -}}
{% endmacro %}


{% macro postgres__date_text(date) -%}
    to_char({{ date }}, 'YYYY-MM-DD')
{%- endmacro %}


{# The md5 of a compound key, as text. NULL is told from every text. Times and dates are to come as text. #}
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
