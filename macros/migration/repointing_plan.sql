{#
  What is to be done: `notes` (lines to print), `refusals` (why nothing may be done; an empty list if all is well), `steps`
  in order, `locks` (the tables that nobody may write meanwhile), and whether `keep_enhanced` is needed.
#}
{% macro repointing_plan(keep_enhanced) %}
    {% set plan = {'notes': [], 'refusals': [], 'steps': [], 'locks': [], 'keep_enhanced': false} %}
    {% set tables = relations_to_migrate(migrated_tables() + ['businesses', 'enhanced_leads']) %}
    {% if not tables.businesses %}
        {% do plan.refusals.append(
            'There is no table businesses in schema ' ~ var('source_schema') ~ ': the leads are where the foreign keys point.'
        ) %}
        {{ return(plan) }}
    {% endif %}
    {% set todo, moves, constraints, swaps, records = [], [], [], [], [] %}
    {% set last_migration = last_migration_id() %}
    {% for name in migrated_tables() %}
        {% if not tables[name] %}
            {% do plan.notes.append(name ~ ': there is no such table.') %}
        {% else %}
            {% set state = foreign_keys_of(name, tables) %}
            {% do state.update({'migration_id': last_migration + loop.index}) %}
            {% if state.to_do %}
                {% do todo.append(state) %}
            {% else %}
                {% do plan.notes.append(name ~ ': ' ~ state.note) %}
            {% endif %}
        {% endif %}
    {% endfor %}

    {% if todo %}
        {% do plan.refusals.extend(relations_that_cannot_be_migrated(
            tables, (todo | map(attribute='table') | list) + ['businesses'] + (['enhanced_leads'] if tables.enhanced_leads else [])
        )) %}
    {% endif %}
    {% for state in todo %}{% do plan.refusals.extend(state.refusals) %}{% endfor %}
    {#- rows are counted only where the columns can be compared -#}
    {% if plan.refusals %}{{ return(plan) }}{% endif %}

    {% for state in todo %}
        {% set counts = count_rows_by_lead(state) %}
        {% do plan.notes.append(
            state.table ~ ': ' ~ state.note ~ ' ' ~ counts.total ~ ' rows, of which ' ~ counts.orphans
            ~ ' name no lead and ' ~ counts.elsewhere ~ ' a lead that businesses lacks.'
        ) %}
        {% if counts.elsewhere and not keep_enhanced %}
            {% do plan.refusals.append(
                state.table ~ ': ' ~ counts.elsewhere ~ ' rows name leads that ' ~ state.elsewhere | join(' or ')
                ~ ' has and businesses lacks. A foreign key to businesses cannot hold them, and they are no orphans. Copy these'
                ~ ' leads to businesses first; or pass keep_enhanced: true if no new lead comes there: then these rows'
                ~ ' stay, the foreign key is not validated, and deleting their leads does not delete them.'
            ) %}
        {% endif %}
        {% if counts.orphans %}
            {% do plan.refusals.extend(rows_that_hang_on_orphans(state)) %}
            {% do moves.extend(quarantine_steps_of(state, counts.orphans)) %}
        {% endif %}
        {% do constraints.extend(constraint_steps(state, counts)) %}
        {% do swaps.extend(swap_steps(state)) %}
        {% do records.append(record_step(state)) %}
        {% if counts.elsewhere %}{% do plan.update({'keep_enhanced': true}) %}{% endif %}
    {% endfor %}
    {% if todo %}
        {% do plan.steps.extend(quarantine_steps() + moves + constraints + swaps + records) %}
        {% for name in (todo | map(attribute='table') | list) + ['businesses', 'enhanced_leads'] if tables[name] %}
            {% do plan.locks.append(quoted_source(name)) %}
        {% endfor %}
    {% endif %}
    {{ return(plan) }}
{% endmacro %}


{# The relations of these names in the source's schema, by name; none where there is none. #}
{% macro relations_to_migrate(names) %}
    {% set found = {} %}
    {% for name in names %}
        {% set table = declared_source(name) %}
        {% do found.update({name: (query_rows(
            "select c.oid::bigint as oid, c.relkind as kind, c.relispartition as is_partition,"
            ~ " exists (select from pg_inherits as i where i.inhparent = c.oid) as has_children,"
            ~ " exists (select from pg_rewrite as r where r.ev_class = c.oid) as has_rules,"
            ~ " pg_has_role(c.relowner, 'usage') as is_owned, row_security_active(c.oid) as is_hidden,"
            ~ " pg_get_userbyid(c.relowner) as owner"
            ~ " from pg_class as c inner join pg_namespace as n on c.relnamespace = n.oid"
            ~ " where n.nspname = " ~ literal(table.schema) ~ " and c.relname = " ~ literal(table.identifier)
        ) + [none])[0]}) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{% macro relations_that_cannot_be_migrated(tables, names) %}
    {% set refusals = [] %}
    {% for name in names %}
        {% set table = tables[name] %}
        {% if table.kind != 'r' or table.is_partition or table.has_children %}
            {% do refusals.append(name ~ ' is no ordinary table, but a view, partitioned, or inherited from.') %}
        {% elif table.has_rules %}
            {% do refusals.append(name ~ ' has rules, which would rewrite what the migration does.') %}
        {% elif not table.is_owned %}
            {% do refusals.append(name ~ ' belongs to ' ~ table.owner ~ ': run this as that role, not as ' ~ target.user ~ '.') %}
        {% elif table.is_hidden %}
            {% do refusals.append(name ~ ' has row-level security, which hides rows from ' ~ target.user ~ '.') %}
        {% endif %}
    {% endfor %}
    {{ return(refusals) }}
{% endmacro %}


{#
  The foreign keys of a table's lead_id. `to_do`: whether any of them points elsewhere than at businesses, or none is
  there; `wrong` ones are to be dropped. `rightly` is one to businesses. `parents` are the other tables in which a row's
  lead may be, `elsewhere` their names.
#}
{% macro foreign_keys_of(table_name, tables) %}
    {% set state = {
        'table': table_name, 'refusals': [], 'wrong': [], 'rightly': none, 'parents': [], 'elsewhere': [], 'note': '', 'to_do': true,
    } %}
    {% set lead = column_to_migrate(tables[table_name].oid, 'lead_id') %}
    {% set key = column_to_migrate(tables.businesses.oid, 'id') %}
    {% if not lead or not key or lead.type != key.type %}
        {% do state.refusals.append(
            table_name ~ '.lead_id is ' ~ (lead.type if lead else 'missing') ~ ' and businesses.id is '
            ~ (key.type if key else 'missing') ~ ': they must be of one type.'
        ) %}
        {{ return(state) }}
    {% endif %}
    {% if not key.is_unique %}
        {% do state.refusals.append('businesses.id is not unique: it needs a primary key first.') %}
    {% endif %}

    {% for constraint in query_rows(
        "select k.conname as name, pg_get_constraintdef(k.oid) as definition, k.convalidated as is_validated,"
        ~ " k.conkey = array[" ~ lead.number ~ "]::smallint[] as is_single, k.confrelid::bigint as target,"
        ~ " k.confrelid::regclass::text as target_name, k.confkey[1] as target_column,"
        ~ " k.confupdtype as on_update, k.confdeltype as on_delete, k.condeferrable as is_deferrable,"
        ~ " k.condeferred as is_deferred, obj_description(k.oid, 'pg_constraint') as comment,"
        ~ " coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) and not exists ("
        ~ "select from pg_trigger as t where t.tgconstraint = k.oid and t.tgenabled <> 'O') as is_enforced"
        ~ " from pg_constraint as k where k.contype = 'f' and k.conrelid = " ~ tables[table_name].oid
        ~ " and " ~ lead.number ~ " = any (k.conkey) order by k.conname"
    ) %}
        {% if not constraint.is_single %}
            {% do state.refusals.append('The foreign key ' ~ constraint.name ~ ' of ' ~ table_name ~ ' has other columns beside lead_id.') %}
        {% elif not constraint.is_enforced %}
            {% do state.refusals.append(
                'The foreign key ' ~ constraint.name ~ ' of ' ~ table_name ~ ' is not enforced, or its triggers are off.'
            ) %}
        {% elif constraint.target != tables.businesses.oid %}
            {% do state.wrong.append(constraint) %}
        {% elif constraint.target_column != key.number %}
            {% do state.refusals.append('The foreign key ' ~ constraint.name ~ ' of ' ~ table_name ~ ' points at another column of businesses.') %}
        {% elif not state.rightly or constraint.is_validated %}
            {% do state.update({'rightly': constraint}) %}
        {% endif %}
    {% endfor %}

    {% set others = {} %}
    {% if tables.enhanced_leads %}{% do others.update({tables.enhanced_leads.oid: 'enhanced_leads'}) %}{% endif %}
    {% for constraint in state.wrong if constraint.target not in others %}
        {% do others.update({constraint.target: constraint.target_name}) %}
    {% endfor %}
    {% for oid, name in others.items() %}
        {% set columns = state.wrong | selectattr('target', 'equalto', oid) | map(attribute='target_column') | list %}
        {% set column = column_to_migrate(oid, 'id', columns[0] if columns else none) %}
        {% if column and column.type == lead.type %}
            {% do state.parents.append(column) %}
            {% do state.elsewhere.append(name) %}
        {% elif column or columns %}
            {% do state.refusals.append(name ~ '.id is not of the type of ' ~ table_name ~ '.lead_id.') %}
        {% endif %}
    {% endfor %}

    {% if state.wrong %}
        {% do state.update({'note': 'its foreign key points at ' ~ state.wrong | map(attribute='target_name') | unique | join(' and ') ~ '.'}) %}
    {% elif not state.rightly %}
        {% do state.update({'note': 'lead_id has no foreign key.'}) %}
    {% elif state.rightly.is_validated %}
        {% do state.update({'note': 'its foreign key points at businesses.', 'to_do': false}) %}
    {% else %}
        {#- with leads that only enhanced_leads has, this is how far it goes -#}
        {% set is_stuck = not state.refusals and count_rows_by_lead(state).elsewhere > 0 %}
        {% do state.update({'note': 'its foreign key points at businesses, and is not validated.', 'to_do': not is_stuck}) %}
    {% endif %}
    {{ return(state) }}
{% endmacro %}


{# A column by name, or by number: its `number`, `type`, and whether it alone is a key (`is_unique`). #}
{% macro column_to_migrate(table_oid, name, number=none) %}
    {{ return((query_rows(
        "select a.attnum as number, format_type(a.atttypid, a.atttypmod) as type, quote_ident(a.attname) as name,"
        ~ " a.attrelid::regclass::text as table, exists (select from pg_index as i where i.indrelid = a.attrelid"
        ~ " and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indnkeyatts = 1"
        ~ " and i.indkey[0] = a.attnum) as is_unique"
        ~ " from pg_attribute as a where a.attrelid = " ~ table_oid ~ " and a.attnum > 0 and not a.attisdropped and "
        ~ ("a.attnum = " ~ number if number else "a.attname = " ~ literal(name))
    ) + [none])[0]) }}
{% endmacro %}


{# Conditions on a row of `child`: its lead is in businesses, or in one of the other tables. #}
{% macro has_business() -%}
    exists (select from {{ quoted_source('businesses') }} as business where business.id = child.lead_id)
{%- endmacro %}


{% macro has_lead_in(parent) -%}
    exists (select from {{ parent.table }} as parent where parent.{{ parent.name }} = child.lead_id)
{%- endmacro %}


{#
  A row whose lead_id is NULL names nothing: a foreign key lets it be. One condition a table, each of which PostgreSQL makes
  a join of, where it would look up row by row what stands in an `or` or a `filter`.
#}
{% macro is_orphan(state) -%}
    child.lead_id is not null
    and not {{ has_business() }}
    {%- for parent in state.parents %}
    and not {{ has_lead_in(parent) }}
    {%- endfor %}
{%- endmacro %}


{% macro count_rows_by_lead(state) %}
    {% set rows = 'select count(*) from ' ~ quoted_source(state.table) ~ ' as child' %}
    {% set elsewhere = ['false'] %}
    {% for parent in state.parents %}{% do elsewhere.append(has_lead_in(parent)) %}{% endfor %}
    {{ return(query_rows(
        'select (' ~ rows ~ ') as total, (' ~ rows ~ ' where ' ~ is_orphan(state) ~ ') as orphans, ('
        ~ rows ~ ' where not ' ~ has_business() ~ ' and (' ~ elsewhere | join(' or ') ~ ')) as elsewhere'
    )[0]) }}
{% endmacro %}


{# Rows of other tables would go, or lose their reference, with an orphan that they name. #}
{% macro rows_that_hang_on_orphans(state) %}
    {% set refusals = [] %}
    {% for reference in query_rows(
        "select k.conrelid::regclass::text as table, k.conname as name, ("
        ~ "select string_agg(format('hanging.%I = child.%I', own.attname, named.attname), ' and ')"
        ~ " from unnest(k.conkey, k.confkey) as pair (own_number, named_number)"
        ~ " inner join pg_attribute as own on own.attrelid = k.conrelid and own.attnum = pair.own_number"
        ~ " inner join pg_attribute as named on named.attrelid = k.confrelid and named.attnum = pair.named_number"
        ~ ") as condition from pg_constraint as k where k.contype = 'f' and k.confrelid = to_regclass("
        ~ literal(quoted_source(state.table)) ~ ")"
    ) %}
        {% set hanging = query_rows(
            'select count(*) as rows from ' ~ reference.table ~ ' as hanging where exists (select from '
            ~ quoted_source(state.table) ~ ' as child where ' ~ is_orphan(state) ~ ' and ' ~ reference.condition ~ ')'
        )[0].rows %}
        {% if hanging %}
            {% do refusals.append(
                hanging ~ ' rows of ' ~ reference.table ~ ' name rows of ' ~ state.table ~ ' that would have to make way ('
                ~ reference.name ~ ').'
            ) %}
        {% endif %}
    {% endfor %}
    {{ return(refusals) }}
{% endmacro %}
