{# The last value that is not NULL, by time and then by key; an aggregate. #}
{% macro newest(value, timestamp, key) %}
    {{- return(adapter.dispatch('newest', 'leadgen_analytics')(value, timestamp, key)) -}}
{% endmacro %}


{% macro postgres__newest(value, timestamp, key) -%}
    (array_agg({{ value }} order by {{ timestamp }} desc, {{ key }} desc) filter (where {{ value }} is not null))[1]
{%- endmacro %}
