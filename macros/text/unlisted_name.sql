{# The name of a service or endpoint that no alias list knows. #}
{% macro unlisted_name(text) -%}
    translate(lower({{ text }}), ' .-/', '____')
{%- endmacro %}
