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


{#
  An identifier in lower case, the same in every database: the rules of the collation "C", where a Turkish I is an i. The
  result compares as other text does.
#}
{% macro lower_identifier(text) %}
    {{- return(adapter.dispatch('lower_identifier', 'leadgen_analytics')(text)) -}}
{% endmacro %}


{% macro postgres__lower_identifier(text) -%}
    lower({{ text }} collate "C") collate "default"
{%- endmacro %}


{# What two spellings of one name have in common: `Google Places`, `googlePlaces` and `google_places` give one key. #}
{% macro spelling_key(text) -%}
    translate({{ lower_identifier(text) }}, ' .-_/:', '')
{%- endmacro %}


{# A business name without case, white space and punctuation; NULL if nothing is left. #}
{% macro name_key(name) %}
    {{- return(adapter.dispatch('name_key', 'leadgen_analytics')(name)) -}}
{% endmacro %}


{% macro postgres__name_key(name) -%}
    nullif(regexp_replace(lower({{ lower_identifier(name) }}), '[[:space:][:punct:]]+', '', 'g'), '')
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
    translate({{ lower_identifier(text) }}, ' .-/', '____')
{%- endmacro %}


{#
  The endpoint of an address or call, as an array of two spellings: without verb, host, version, format and key of a row;
  and the last part of its path, which is its name.
#}
{% macro endpoint_spellings(text) %}
    {{- return(adapter.dispatch('endpoint_spellings', 'leadgen_analytics')(text)) -}}
{% endmacro %}


{% macro postgres__endpoint_spellings(text) -%}
    {%- set path = namespace(sql=text ~ ' collate "C"') -%}
    {%- for pattern in [
        '^ *(get|post|put|patch|delete|head|options) +',
        '^[a-z][a-z0-9+.-]*://[^/]*',
        '^[a-z0-9-]+([.][a-z0-9-]+)*[.][a-z]{2,}(:[0-9]+)?/',
        '(/([0-9]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}))+/*$',
        '(^|/)(api/)?v[0-9]+([.][0-9]+)*(alpha|beta)?[0-9]*(?=/)',
        '([./](json|xml)/*|/+)$',
        '^/+',
    ] -%}
        {%- set path.sql = 'regexp_replace(' ~ path.sql ~ ", '" ~ pattern ~ "', '', 'i')" -%}
    {%- endfor -%}
    array[{{ path.sql }}, regexp_replace({{ path.sql }}, '^.*[/:]', '')]
{%- endmacro %}


{# The name of an endpoint that no alias list knows: camelCase and separators become one underscore. #}
{% macro unlisted_endpoint(text) %}
    {{- return(adapter.dispatch('unlisted_endpoint', 'leadgen_analytics')(text)) -}}
{% endmacro %}


{% macro postgres__unlisted_endpoint(text) -%}
    nullif(
        trim(
            regexp_replace(
                {{ lower_identifier("regexp_replace(" ~ text ~ " collate \"C\", '([a-z0-9])([A-Z])', '\\1_\\2', 'g')") }},
                '[[:space:]._-]+', '_', 'g'
            ),
            '_'
        ),
        ''
    )
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
    {#- Under "C", because a Turkish AUTHORIZATION is not authorization. -#}
    {%- set expression = namespace(sql=text ~ ' collate "C"') -%}
    {%- for pattern, replacement in patterns -%}
        {%- set arguments = [expression.sql, "'" ~ pattern ~ "'", "'" ~ replacement ~ "'", "'gi'"] -%}
        {%- set expression.sql = 'regexp_replace(' ~ arguments | join(', ') ~ ')' -%}
    {%- endfor -%}
    left({{ expression.sql }}, 200) collate "default"
{%- endmacro %}


{# The application calls a workbook xlsx in one table and excel in another. #}
{% macro export_format(column) -%}
    case when {{ column }} = 'xlsx' then 'excel' else {{ column }} end
{%- endmacro %}
