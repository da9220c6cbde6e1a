{#
  An error message without what it may quote: web addresses, e-mail addresses, payloads in braces or brackets, values
  of key-like words and long tokens. At most 200 characters.
#}
{% macro redact(text) %}
    {{- return(adapter.dispatch('redact', 'leadgen_analytics')(text)) -}}
{% endmacro %}


{% macro postgres__redact(text) -%}
    {%- set patterns = [
        ('[{[<].*[]}>]', '[payload]'),
        ('[a-z][a-z0-9+.-]*://\\S+', '[url]'),
        ('\\S+@\\S+', '[email]'),
        (
            '(key|token|secret|password|passwd|authorization|bearer|signature|sig)'
            ~ '\\S*\\s*[=: ]\\s*(bearer\\s+)?\\S+',
            '\\1=[redacted]',
        ),
        ('[a-z0-9_+/=-]{20,}', '[redacted]'),
    ] -%}
    {%- set expression = namespace(sql=text) -%}
    {%- for pattern, replacement in patterns -%}
        {%- set arguments = [expression.sql, "'" ~ pattern ~ "'", "'" ~ replacement ~ "'", "'gi'"] -%}
        {%- set expression.sql = 'regexp_replace(' ~ arguments | join(', ') ~ ')' -%}
    {%- endfor -%}
    left({{ expression.sql }}, 200)
{%- endmacro %}
