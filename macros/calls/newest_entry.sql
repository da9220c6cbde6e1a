{#
  An aggregate: the newest value that is not NULL, by time and then by key, as a text that holds all three, so that the
  newest of several such texts is their max(). `newest_value` takes the value out.
#}
{% macro newest_entry(value, timestamp, key) %}
    {{- return(adapter.dispatch('newest_entry', 'leadgen_analytics')(value, timestamp, key)) -}}
{% endmacro %}


{# `2026-01-01 10:00:00.5 <uuid> value`: a blank sorts before any digit or point, so that texts sort as times do. #}
{% macro postgres__newest_entry(value, timestamp, key) -%}
    max(
        case
            when {{ value }} is not null
                then cast({{ timestamp }} at time zone 'UTC' as text) || ' ' || {{ key }} || ' ' || {{ value }}
        end collate "C"
    )
{%- endmacro %}


{% macro newest_value(entry) -%}
    substr({{ entry }}, length({{ dbt.split_part(entry, "' '", 2) }}) + 50)
{%- endmacro %}
