{#
  A comma-separated list of the JSON fields of a row that do not have their declared form; NULL if all have it.
  `expected` maps a column to 'object' or 'array', or `column.field` to 'number'.
#}
{% macro malformed_fields(expected) -%}
    nullif(concat_ws(', ',
    {%- for field, kind in expected.items() %}
        {%- if kind == 'number' %}
        {%- set column, path = field.split('.')[0], field.split('.')[1:] %}
        case when not {{ is_plain_number(json_text(column, path)) }} then '{{ field }}' end
        {%- else %}
        case when not {{ json_is(field, kind) }} then '{{ field }}' end
        {%- endif %}
        {{- ',' if not loop.last }}
    {%- endfor %}
    ), '')
{%- endmacro %}
