{# The service that an alias names, else the name as recorded, tidied; 'unknown' if there is none. #}
{% macro canonical_service(recorded_service, aliased_service) -%}
    coalesce({{ aliased_service }}, {{ unlisted_name(recorded_service) }}, 'unknown')
{%- endmacro %}
