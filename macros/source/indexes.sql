{#
  A list of the statements that create the indexes with which incremental runs and the live part of the marts are
  fast, and which the source lacks. Nothing here runs them: the tables are the application's.
#}
{% macro missing_indexes(present) %}
    {{ return(adapter.dispatch('missing_indexes', 'leadgen_analytics')(present)) }}
{% endmacro %}


{#
  A view or a foreign table has none, and a partitioned table cannot get one concurrently. A time without a zone is compared
  as what it is in its zone.
#}
{% macro postgres__missing_indexes(present) %}
    {% set indexed, kinds, statements = indexed_columns(), relation_kinds(), [] %}
    {% for table, column in wanted_indexes(present) if kinds[table] in ['r', 'p', 'm'] %}
        {% set is_zoneless = present[table][column] == 'timestamp without time zone' %}
        {% set zone = " at time zone '" ~ var('source_timezone') ~ "'" %}
        {% if table ~ '.' ~ (('(' ~ column ~ zone ~ ')') if is_zoneless else column) not in indexed %}
            {% do statements.append(
                'create index ' ~ ('concurrently ' if kinds[table] != 'p') ~ 'on ' ~ quoted_source(table)
                ~ ' (' ~ (('(' ~ quoted(column) ~ zone ~ ')') if is_zoneless else quoted(column)) ~ ');'
            ) %}
        {% endif %}
    {% endfor %}
    {{ return(statements) }}
{% endmacro %}


{# Columns, as table.column, that ought to be served by an index and are of a view or a foreign table. #}
{% macro unindexable(present) %}
    {% set kinds, found = relation_kinds(), [] %}
    {% for table, column in wanted_indexes(present) if kinds[table] in ['v', 'f'] %}
        {% do found.append(table ~ '.' ~ column) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# Pairs of table and column that incremental runs and the live part of the marts look rows up by. #}
{% macro wanted_indexes(present) %}
    {% set found = [] %}
    {% for table, column in [
        ('api_usage', 'created_at'), ('api_usage_log', 'created_at'), ('api_cost_tracking', 'date'),
        ('businesses', 'created_at'), ('businesses', 'campaign_id'), ('enhanced_leads', 'created_at'),
        ('enhanced_leads', 'campaign_id'), ('lead_emails', 'lead_id'), ('lead_social_profiles', 'lead_id'),
    ] if column in (present[table] or {}) %}
        {% do found.append((table, column)) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#
  What an index of all rows starts with, as table.column, or `table.(column at time zone 'UTC')` and the like.
#}
{% macro indexed_columns() %}
    {% set query %}
        select
            c.relname,
            -- of an expression only, because to ask for it waits for whoever has locked the table
            case when i.indkey[0] = 0 then pg_get_indexdef(i.indexrelid, 1, true) else a.attname end
        from pg_catalog.pg_index as i
        inner join pg_catalog.pg_class as c on i.indrelid = c.oid
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        left join pg_catalog.pg_attribute as a on i.indrelid = a.attrelid and i.indkey[0] = a.attnum
        where n.nspname = {{ literal(var('source_schema')) }} and i.indisvalid and i.indpred is null
    {% endset %}
    {% set found = [] %}
    {% for table, expression in run_query(query).rows %}
        {% set expression = expression | replace('"', '') | replace('::text', '') | replace(' AT TIME ZONE ', ' at time zone ') %}
        {% do found.append(table ~ '.' ~ expression) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# Postgres's letter for what a relation of the source is, by name: r, p, m, v or f. #}
{% macro relation_kinds() %}
    {% set query %}
        select c.relname, c.relkind
        from pg_catalog.pg_class as c
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        where n.nspname = {{ literal(var('source_schema')) }} and c.relkind in ('r', 'p', 'm', 'v', 'f')
    {% endset %}
    {% set kinds = {} %}
    {% for row in run_query(query).rows %}
        {% do kinds.update({row[0]: row[1]}) %}
    {% endfor %}
    {{ return(kinds) }}
{% endmacro %}
