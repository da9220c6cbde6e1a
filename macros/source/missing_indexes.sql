{#
  A list of the statements that create the indexes with which incremental runs and the live part of the marts are
  fast, and which the source lacks. Nothing here runs them: the tables are the application's.
#}
{% macro missing_indexes(present) %}
    {{ return(adapter.dispatch('missing_indexes', 'leadgen_analytics')(present)) }}
{% endmacro %}


{% macro postgres__missing_indexes(present) %}
    {% set wanted = [
        ('api_usage', 'created_at'), ('api_usage_log', 'created_at'), ('api_cost_tracking', 'date'),
        ('businesses', 'created_at'), ('businesses', 'campaign_id'), ('enhanced_leads', 'created_at'),
        ('enhanced_leads', 'campaign_id'), ('lead_emails', 'lead_id'), ('lead_social_profiles', 'lead_id'),
    ] %}
    {% set schema = dbt.string_literal(dbt.escape_single_quotes(var('source_schema'))) %}
    {% set query %}
        select c.relname || '.' || a.attname
        from pg_catalog.pg_index as i
        inner join pg_catalog.pg_class as c on i.indrelid = c.oid
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        inner join pg_catalog.pg_attribute as a on i.indrelid = a.attrelid and i.indkey[0] = a.attnum
        where n.nspname = {{ schema }} and i.indisvalid and i.indpred is null
    {% endset %}
    {% set indexed = run_query(query).columns[0].values() | list %}
    {% set statements = [] %}
    {% for table, column in wanted if column in (present[table] or {}) and table ~ '.' ~ column not in indexed %}
        {% do statements.append('create index concurrently on ' ~ quoted_source(table) ~ ' (' ~ quoted(column) ~ ');') %}
    {% endfor %}
    {{ return(statements) }}
{% endmacro %}
