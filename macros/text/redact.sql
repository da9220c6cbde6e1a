{#
  An error message without what it may quote: payloads (from the first brace or bracket on), web and e-mail addresses,
  whatever follows a key-like word, and long tokens. At most 200 characters.
#}
{% macro redact(text) %}
    {{- return(adapter.dispatch('redact', 'leadgen_analytics')(text)) -}}
{% endmacro %}


{% macro postgres__redact(text) -%}
    {%- set patterns = [
        ('[{[<].*', '[payload]'),
        ('[a-z][a-z0-9+.-]*://\\S+', '[url]'),
        ('\\S+@\\S+', '[email]'),
        ('\\?\\S*=\\S*', '[query]'),
        (
            '(^|[^a-z])((api[_-]?)?key|token|secret|pass|passwd|password|pwd|auth|authorization|bearer|basic|signature|sig'
            ~ '|credentials?|cookie|session)([^a-z].*|$)',
            '\\1\\2 [redacted]',
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
