{# A 64-bit hash of a text: two texts of the same hash are not to be expected among a billion that could be confused. #}
{% macro hash_number(text) %}
    {{- return(adapter.dispatch('hash_number', 'leadgen_analytics')(text)) -}}
{% endmacro %}


{% macro postgres__hash_number(text) -%}
    hashtextextended({{ text }}, 0)
{%- endmacro %}
