{# What two spellings of one name have in common: `Google Places`, `googlePlaces` and `google_places` give one key. #}
{% macro spelling_key(text) -%}
    translate(lower({{ text }}), ' .-_/', '')
{%- endmacro %}
