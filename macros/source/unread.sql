{#
  Relations of the source's schema that look like a log of paid calls or like leads, have rows and are not read: a list of
  dictionaries with name, looks_like and cost_column (none if it has none). By their columns, whatever their names: a log has
  money, a service, a time and something of a single call; leads have a business's name, ways to reach it, and what a search
  gives it. What is made from a table that is read, or from one of these, is none.
#}
{% macro unread_relations(present) %}
    {{ return(adapter.dispatch('unread_relations', 'leadgen_analytics')(present)) }}
{% endmacro %}


{% macro postgres__unread_relations(present) %}
    {% set read = [] %}
    {% for table, columns in present.items() if columns %}{% do read.append(literal(table)) %}{% endfor %}
    {% set query %}
        with recursive relations as (
            select c.oid, c.relname, c.relname in ({{ (read or ["''"]) | join(', ') }}) as is_read
            from pg_catalog.pg_class as c
            inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
            where
                n.nspname = {{ literal(var('source_schema')) }}
                and c.relkind in ('r', 'p', 'v', 'm', 'f')
                and not c.relispartition
                and has_schema_privilege(n.oid, 'usage')
        ),

        made_from (oid, base) as (
            select rules.ev_class, reads.refobjid
            from pg_catalog.pg_rewrite as rules
            inner join pg_catalog.pg_depend as reads
                on reads.classid = 'pg_rewrite'::regclass and rules.oid = reads.objid and reads.refclassid = 'pg_class'::regclass
            where rules.ev_class <> reads.refobjid and rules.ev_class in (select oid from relations)
            union
            select made_from.oid, reads.refobjid
            from made_from
            inner join pg_catalog.pg_rewrite as rules on made_from.base = rules.ev_class
            inner join pg_catalog.pg_depend as reads
                on reads.classid = 'pg_rewrite'::regclass and rules.oid = reads.objid and reads.refclassid = 'pg_class'::regclass
            where rules.ev_class <> reads.refobjid
        ),

        columns as (
            select
                r.oid,
                r.relname,
                a.attname,
                replace(lower(a.attname), '_', '') as plain,
                t.typcategory,
                t.typname like 'timestamp%' as is_time
            from relations as r
            inner join pg_catalog.pg_attribute as a on r.oid = a.attrelid
            inner join pg_catalog.pg_type as t on a.atttypid = t.oid
            where
                not r.is_read and a.attnum > 0 and not a.attisdropped and has_column_privilege(r.oid, a.attnum, 'select')
        ),

        seen as (
            select
                oid,
                relname,
                (
                    array_agg(attname order by plain !~ '^actual', plain !~ '^total', plain ~ 'estimat', plain)
                    filter (where typcategory = 'N' and plain ~ '(cost|price|spend|spent|charge|fee|usd|amount)$'
                        and plain !~ '(limit|budget|max|min|per)')
                )[1] as cost_column,
                bool_or(
                    typcategory = 'S'
                    and plain ~ '^(api|service|provider|vendor|source|endpoint|integration|tool)(name|service|provider|endpoint)?$'
                ) as has_service,
                bool_or(is_time or plain in ('date', 'day')) as has_time,
                bool_or(
                    plain ~ '(campaign|user|account|request|response|credit|status|success|cache|duration|latency|lead|business)'
                ) as is_of_a_call,
                bool_or(
                    plain in ('businessname', 'companyname', 'company', 'leadname', 'firmname', 'organization', 'organizationname')
                ) as has_business,
                count(*) filter (where plain ~ '^(phone|website|email|address|city|url|domain)') as contacts,
                bool_or(plain ~ '(campaign|confidence|score|placeid|qualif|discover)') as is_searched
            from columns
            group by oid, relname
        ),

        candidates as (
            select
                oid,
                relname,
                cost_column,
                case
                    when has_business and contacts >= 2 and is_searched then 'leads'
                    when cost_column is not null and has_service and has_time and is_of_a_call then 'paid calls'
                end as looks_like
            from seen
        )

        select relname as name, looks_like, cost_column
        from candidates
        where
            looks_like is not null
            and not exists (
                select
                from made_from
                where
                    made_from.oid = candidates.oid
                    and made_from.base in (
                        select relations.oid from relations where relations.is_read
                        union all
                        select other.oid from candidates as other where other.looks_like is not null
                    )
            )
        order by relname
    {% endset %}
    {% set candidates, names, found = query_rows(query), [], [] %}
    {% for relation in candidates %}{% do names.append(literal(relation.name)) %}{% endfor %}
    {% if not names %}{{ return([]) }}{% endif %}
    {% set filled = names_of_those_with_rows(names) %}
    {% for relation in candidates if relation.name in filled %}{% do found.append(relation) %}{% endfor %}
    {{ return(found) }}
{% endmacro %}


{# A view may be broken, or on a server that is gone: then it has no rows to tell of, and is no reason to fail. #}
{% macro names_of_those_with_rows(literals) %}
    {% call statement('look_for_rows') %}
        do $look$
        declare
            relation text;
            has_rows boolean;
            filled jsonb = '[]';
        begin
            foreach relation in array array[{{ literals | join(', ') }}]::text[] loop
                begin
                    execute format('select exists (select from %I.%I)', {{ literal(var('source_schema')) }}, relation) into has_rows;
                    if has_rows then
                        filled = filled || to_jsonb(relation);
                    end if;
                exception
                    when query_canceled or others then null;
                end;
            end loop;
            perform set_config('leadgen.unread', filled::text, false);
        end
        $look$
    {% endcall %}
    {{ return(fromjson(run_query("select current_setting('leadgen.unread')").columns[0].values()[0] | string)) }}
{% endmacro %}


{# One line, and a warning of dbt's, if money or leads of the source are in none of the tables that are read. #}
{% macro tell_of_unread_relations(present) %}
    {% set texts = [] %}
    {% for relation in unread_relations(present) %}
        {% do texts.append(relation.name ~ ' (' ~ relation.looks_like ~ ')') %}
    {% endfor %}
    {% if texts %}
        {% do exceptions.warn(
            'Not read, and not in the marts, though it looks like what they are about: ' ~ texts | join(', ')
            ~ '. docs/other-names.md says how to read it.'
        ) %}
    {% endif %}
{% endmacro %}
