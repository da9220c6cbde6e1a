{# A stable uuid of a compound key. NULL is told from every text. #}
{% macro hash_uuid(expressions) -%}
    cast({{ hash_key(expressions) }} as {{ type_uuid() }})
{%- endmacro %}
