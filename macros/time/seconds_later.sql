{% macro seconds_later(timestamp, seconds) %}
    {{- return(adapter.dispatch('seconds_later', 'leadgen_analytics')(timestamp, seconds)) -}}
{% endmacro %}


{% macro postgres__seconds_later(timestamp, seconds) -%}
    ({{ timestamp }} + {{ seconds }} * interval '1 second')
{%- endmacro %}
