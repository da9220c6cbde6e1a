{# A number or a string that is a plain number of at most nine digits before the point; anything else is NULL. #}
{% macro json_number(column, path) -%}
    case
        when {{ is_plain_number(json_text(column, path)) }}
            then cast({{ json_text(column, path) }} as {{ type_money() }})
    end
{%- endmacro %}


{% macro is_plain_number(text) %}
    {{- return(adapter.dispatch('is_plain_number', 'leadgen_analytics')(text)) -}}
{% endmacro %}


{% macro postgres__is_plain_number(text) -%}
    {{ text }} ~ '^-?[0-9]{1,9}(\.[0-9]+)?$'
{%- endmacro %}
