{# The start of the block of so many seconds, counted from 1970, that a time falls into. #}
{% macro epoch_block(timestamp, seconds) %}
    {{- return(adapter.dispatch('epoch_block', 'leadgen_analytics')(timestamp, seconds)) -}}
{% endmacro %}


{% macro postgres__epoch_block(timestamp, seconds) -%}
    date_bin({{ seconds }} * interval '1 second', {{ timestamp }}, {{ epoch_time() }})
{%- endmacro %}
