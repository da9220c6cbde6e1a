{# The number of the block of so many seconds, counted from 1970, that a time falls into. #}
{% macro epoch_block(timestamp, seconds) %}
    {{- return(adapter.dispatch('epoch_block', 'leadgen_analytics')(timestamp, seconds)) -}}
{% endmacro %}


{% macro postgres__epoch_block(timestamp, seconds) -%}
    cast(floor(extract(epoch from {{ timestamp }}) / {{ seconds }}) as bigint)
{%- endmacro %}
