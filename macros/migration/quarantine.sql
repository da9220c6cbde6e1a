{#
  Where rows go that no foreign key to businesses can hold, in a schema of its own: a run neither reads nor writes it, and
  nobody else is let in, because the rows hold e-mail addresses.
#}
{% macro quarantined(table_name) -%}
    {{ quoted(target.schema ~ '_quarantine') }}.{{ quoted(table_name) }}
{%- endmacro %}


{# What has been migrated, one row a table and time. #}
{% macro migration_log() -%}
    {{ quarantined('migrations') }}
{%- endmacro %}


{% macro quarantine_exists(table_name) %}
    {{ return(query_rows('select to_regclass(' ~ literal(quarantined(table_name)) ~ ') is not null as does')[0].does) }}
{% endmacro %}


{% macro last_migration_id() %}
    {% if not quarantine_exists('migrations') %}{{ return(0) }}{% endif %}
    {{ return(query_rows('select coalesce(max(migration_id), 0) as id from ' ~ migration_log())[0].id) }}
{% endmacro %}


{# Steps that make the schema and the log, where they are missing. #}
{% macro quarantine_steps() %}
    {% set schema = quoted(target.schema ~ '_quarantine') %}
    {% set steps = [] %}
    {% if not adapter.check_schema_exists(target.database, target.schema ~ '_quarantine') %}
        {% do steps.append({'why': 'for rows that must make way; nobody else may look in', 'sql': 'create schema ' ~ schema}) %}
        {% do steps.append({'why': 'the same', 'sql': 'revoke all on schema ' ~ schema ~ ' from public'}) %}
    {% endif %}
    {% if not quarantine_exists('migrations') %}
        {% do steps.append({'why': 'what was done, so that it can be taken back', 'sql': 'create table ' ~ migration_log() ~ ' (
    migration_id bigint primary key,
    table_schema text not null,
    table_name text not null,
    constraint_name text not null,
    constraint_definition text not null,
    replaced jsonb not null,
    applied_at timestamptz not null default now(),
    applied_by text not null default session_user,
    reverted_at timestamptz
)'}) %}
    {% endif %}
    {{ return(steps) }}
{% endmacro %}


{#
  Columns of a table in the application's order, quoted: `name`, `type`, whether a value `can_be_written`, and whether the
  column numbers its rows itself (`is_numbered`).
#}
{% macro columns_to_keep(qualified_name) %}
    {{ return(query_rows(
        "select quote_ident(attname) as name, format_type(atttypid, atttypmod) as type,"
        ~ " attgenerated = '' as can_be_written, attidentity = 'a' as is_numbered"
        ~ " from pg_attribute where attrelid = to_regclass(" ~ literal(qualified_name) ~ ")"
        ~ " and attnum > 0 and not attisdropped order by attnum"
    )) }}
{% endmacro %}


{# The columns that every table of the quarantine has beside those of the rows in it. #}
{% macro quarantine_columns() %}
    {{ return(['quarantine_id', 'quarantine_migration_id', 'quarantined_at', 'quarantine_constraint', 'quarantine_reason']) }}
{% endmacro %}


{# Steps that make the quarantine of a table, or give it the columns that the table has got since. #}
{% macro quarantine_table_steps(table_name) %}
    {% set columns = columns_to_keep(quoted_source(table_name)) %}
    {% set kept_as = quarantined(table_name) %}
    {% set present = columns_to_keep(kept_as) %}
    {% if not present %}
        {% set definitions = [] %}
        {% for column in columns %}{% do definitions.append('    ' ~ column.name ~ ' ' ~ column.type) %}{% endfor %}
        {{ return([
            {'why': 'a table for the rows of ' ~ table_name, 'sql': 'create table ' ~ kept_as ~ ' (
    quarantine_id bigint generated always as identity primary key,
    quarantine_migration_id bigint not null,
    quarantined_at timestamptz not null default now(),
    quarantine_constraint text not null,
    quarantine_reason text not null,
' ~ definitions | join(',\n') ~ '\n)'},
            {
                'why': 'default privileges may let others in: without a policy they see no row',
                'sql': 'alter table ' ~ kept_as ~ ' enable row level security',
            },
        ]) }}
    {% endif %}
    {% set steps = [] %}
    {% set names = present | map(attribute='name') | list %}
    {% for column in columns if column.name not in names %}
        {% do steps.append({
            'why': 'a column that ' ~ table_name ~ ' has got since',
            'sql': 'alter table ' ~ kept_as ~ ' add column ' ~ column.name ~ ' ' ~ column.type,
        }) %}
    {% endfor %}
    {{ return(steps) }}
{% endmacro %}


{#
  Triggers of the application, taken out of the way while rows are moved: the application has not deleted or written
  anything, and a row must come back as it went. Steps before and after.
#}
{% macro trigger_steps(table_name) %}
    {% set table = quoted_source(table_name) %}
    {% set before, after = [], [] %}
    {% for trigger in query_rows(
        "select quote_ident(tgname) as name, tgenabled = 'A' as is_always from pg_trigger where tgrelid = to_regclass("
        ~ literal(table) ~ ") and not tgisinternal and tgenabled in ('O', 'A') order by tgname"
    ) %}
        {% do before.append({
            'why': 'the application has neither deleted nor written these rows',
            'sql': 'alter table ' ~ table ~ ' disable trigger ' ~ trigger.name,
        }) %}
        {% do after.append({
            'why': 'as it was',
            'sql': 'alter table ' ~ table ~ ' enable ' ~ ('always ' if trigger.is_always) ~ 'trigger ' ~ trigger.name,
        }) %}
    {% endfor %}
    {{ return({'before': before, 'after': after}) }}
{% endmacro %}
