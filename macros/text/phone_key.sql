{# The last ten digits of a phone number, so that a country code makes no difference; NULL if there are none. #}
{% macro phone_key(phone) %}
    {{- return(adapter.dispatch('phone_key', 'leadgen_analytics')(phone)) -}}
{% endmacro %}


{% macro postgres__phone_key(phone) -%}
    nullif(right(regexp_replace({{ phone }}, '[^0-9]', '', 'g'), 10), '')
{%- endmacro %}
