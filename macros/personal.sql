{#
  A column that the mart's YAML tags `personal`, or, masked, what stands for it. The tag says what kind of data it is:
  the same value of one kind has the same pseudonym wherever it stands, so that counting, grouping and joining work.
#}
{% macro personal(expression, is_masked) %}
    {{- return(adapter.dispatch('personal', 'leadgen_analytics')(expression, is_masked)) -}}
{% endmacro %}


{# HMAC-SHA256 with built-in functions. The key is read from a table, with the rights of the view's owner. #}
{% macro postgres__personal(expression, is_masked) -%}
    {%- set kind = kind_of_personal_data(expression.split('.')[-1]) if is_masked and execute -%}
    {%- if not kind -%}
        {{ expression }}
    {%- elif kind == 'coordinate' -%}
        {#- within some ten kilometres -#}
        cast(round({{ expression }}, 1) as numeric(10, 7))
    {%- else -%}
        '{{ kind }}_' || left(encode(sha256(
            (select outer_key from {{ pseudonym_key() }})
            || sha256((select inner_key from {{ pseudonym_key() }}) || convert_to('{{ kind }}:' || {{ expression }}, 'UTF8'))
        ), 'hex'), 16)
    {%- endif -%}
{%- endmacro %}


{% macro kind_of_personal_data(column) %}
    {% set kind = model.columns[column].config.meta.get('personal') if column in model.columns %}
    {% if kind not in ['email', 'phone', 'address', 'name', 'coordinate'] %}
        {% do exceptions.raise_compiler_error(
            'Column ' ~ column ~ ' of ' ~ model.name ~ ' is masked: tag it `personal` in the YAML, with what it is.'
        ) %}
    {% endif %}
    {{ return(kind) }}
{% endmacro %}


{% macro pseudonym_key() -%}
    {{ function_name('pseudonym_key') }}
{%- endmacro %}


{#
  The key, made up by the database once, as HMAC pads it. It never leaves the database, nor is it in any statement. No
  role but the owner is to read it: who has it can find the phone number of a pseudonym by trying them all.
#}
{% macro pseudonym_key_definition() -%}
    create table if not exists {{ pseudonym_key() }} (
        is_only boolean primary key check (is_only),
        inner_key bytea not null,
        outer_key bytea not null
    );
    insert into {{ pseudonym_key() }} (is_only, inner_key, outer_key)
    select true, padded.inner_key, padded.outer_key
    from (
        select
            decode(string_agg(lpad(to_hex(byte # 54), 2, '0'), '' order by position), 'hex') as inner_key,
            decode(string_agg(lpad(to_hex(byte # 92), 2, '0'), '' order by position), 'hex') as outer_key
        from (
            select position, get_byte(secret.bytes, position) as byte
            from (
                -- four random uuids are 64 bytes, a block of SHA-256, with 488 random bits
                select decode(replace(string_agg(cast(gen_random_uuid() as text), ''), '-', ''), 'hex') as bytes
                from generate_series(1, 4)
            ) as secret
            cross join generate_series(0, 63) as position
        ) as bytes
    ) as padded
    where not exists (select from {{ pseudonym_key() }})
{%- endmacro %}
