{% macro json_text(column, path) %}
    {{- return(adapter.dispatch('json_text', 'leadgen_analytics')(column, path)) -}}
{% endmacro %}


{% macro postgres__json_text(column, path) -%}
    ({{ column }} #>> '{ {{- path | join(',') -}} }')
{%- endmacro %}


{# Whether a JSON value is an `object` or an `array`. NULL, and JSON's own null, are neither wrong nor right: NULL. #}
{% macro json_is(column, kind) %}
    {{- return(adapter.dispatch('json_is', 'leadgen_analytics')(column, kind)) -}}
{% endmacro %}


{% macro postgres__json_is(column, kind) -%}
    (nullif(jsonb_typeof({{ column }}), 'null') = '{{ kind }}')
{%- endmacro %}


{# A number or a string that is a plain number of at most nine digits before the point; anything else is NULL. #}
{% macro json_number(column, path) -%}
    case
        when {{ is_plain_number(json_text(column, path)) }}
            then cast({{ json_text(column, path) }} as numeric(18, 4))
    end
{%- endmacro %}


{% macro is_plain_number(text) %}
    {{- return(adapter.dispatch('is_plain_number', 'leadgen_analytics')(text)) -}}
{% endmacro %}


{% macro postgres__is_plain_number(text) -%}
    {{ text }} ~ '^-?[0-9]{1,9}(\.[0-9]+)?$'
{%- endmacro %}


{#
  The keys of an object as a JSON array, in alphabetical order, but those that are said to be false; NULL if the value is no
  object.
#}
{% macro json_object_keys_array(column) %}
    {{- return(adapter.dispatch('json_object_keys_array', 'leadgen_analytics')(column)) -}}
{% endmacro %}


{% macro postgres__json_object_keys_array(column) -%}
    case
        when jsonb_typeof({{ column }}) = 'object'
            then (
                select coalesce(jsonb_agg(key order by key), '[]')
                from jsonb_each({{ column }})
                where value <> 'false'
            )
    end
{%- endmacro %}


{#
  A comma-separated list of the JSON fields of a row that do not have their declared form; NULL if all have it.
  `expected` maps a column to 'object' or 'array', or `column.field` to 'number'.
#}
{% macro malformed_fields(expected) -%}
    nullif(concat_ws(', ',
    {%- for field, kind in expected.items() %}
        {%- if kind == 'number' %}
        {%- set column, path = field.split('.')[0], field.split('.')[1:] %}
        case when not {{ is_plain_number(json_text(column, path)) }} then '{{ field }}' end
        {%- else %}
        case when not {{ json_is(field, kind) }} then '{{ field }}' end
        {%- endif %}
        {{- ',' if not loop.last }}
    {%- endfor %}
    ), '')
{%- endmacro %}
