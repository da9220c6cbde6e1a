{# The expressions one after another as text. #}
{% macro text_of(expressions) -%}
    {%- set parts = [] -%}
    {%- for expression in expressions -%}
        {%- do parts.append('cast(' ~ expression ~ ' as ' ~ dbt.type_string() ~ ')') -%}
    {%- endfor -%}
    {{ dbt.concat(parts) }}
{%- endmacro %}


{% macro blank_to_null(text) -%}
    nullif(trim({{ text }}), '')
{%- endmacro %}


{# What two spellings of one name have in common: `Google Places`, `googlePlaces` and `google_places` give one key. #}
{% macro spelling_key(text) -%}
    translate(lower({{ text }}), ' .-_/', '')
{%- endmacro %}


{# A business name without case, white space and punctuation; NULL if nothing is left. #}
{% macro name_key(name) %}
    {{- return(adapter.dispatch('name_key', 'leadgen_analytics')(name)) -}}
{% endmacro %}


{% macro postgres__name_key(name) -%}
    nullif(regexp_replace(lower({{ name }}), '[[:space:][:punct:]]+', '', 'g'), '')
{%- endmacro %}


{# The last ten digits of a phone number, so that a country code makes no difference; NULL if there are none. #}
{% macro phone_key(phone) %}
    {{- return(adapter.dispatch('phone_key', 'leadgen_analytics')(phone)) -}}
{% endmacro %}


{% macro postgres__phone_key(phone) -%}
    nullif(right(regexp_replace({{ phone }}, '[^0-9]', '', 'g'), 10), '')
{%- endmacro %}


{# The name of a service or endpoint that no alias list knows. #}
{% macro unlisted_name(text) -%}
    translate(lower({{ text }}), ' .-/', '____')
{%- endmacro %}


{# An address without what may hold a key: credentials before `@`, and everything from the first of ? # & ; on. #}
{% macro without_query(text) -%}
    {%- set address = namespace(sql="case when " ~ text ~ " like '%@%' then " ~ dbt.split_part(text, "'@'", 2) ~ " else " ~ text ~ " end") -%}
    {%- for separator in ['?', '#', '&', ';'] -%}
        {%- set address.sql = dbt.split_part(address.sql, "'" ~ separator ~ "'", 1) -%}
    {%- endfor -%}
    {{ blank_to_null(address.sql) }}
{%- endmacro %}


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


{# The application calls a workbook xlsx in one table and excel in another. #}
{% macro export_format(column) -%}
    case when {{ column }} = 'xlsx' then 'excel' else {{ column }} end
{%- endmacro %}
