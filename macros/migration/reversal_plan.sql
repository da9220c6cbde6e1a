{# What takes the last migration of each table back, as repointing_plan() has it. #}
{% macro reversal_plan() %}
    {% set plan = {'notes': [], 'refusals': [], 'steps': [], 'locks': [], 'keep_enhanced': false} %}
    {% if not quarantine_exists('migrations') %}{{ return(plan) }}{% endif %}
    {% set records = query_rows(
        'select distinct on (table_name) * from ' ~ migration_log() ~ ' where reverted_at is null and table_schema = '
        ~ literal(declared_source('businesses').schema) ~ ' order by table_name, migration_id desc'
    ) %}
    {% set names = records | map(attribute='table_name') | list %}
    {% if not names %}{{ return(plan) }}{% endif %}
    {% set tables = relations_to_migrate(names + ['businesses']) %}
    {% set swaps, returns, constraints, ends = [], [], [], [] %}
    {% for record in records if tables[record.table_name] %}
        {% do plan.refusals.extend(relations_that_cannot_be_migrated(tables, [record.table_name])) %}
        {% do plan.refusals.extend(reasons_not_to_revert(record)) %}
    {% endfor %}
    {% for name in names if not tables[name] %}
        {% do plan.refusals.append(name ~ ' is gone, and with it what there was to take back.') %}
    {% endfor %}
    {% if plan.refusals %}{{ return(plan) }}{% endif %}

    {% for record in records %}
        {% set table = quoted_source(record.table_name) %}
        {% do plan.locks.append(table) %}
        {% do swaps.append({
            'why': 'so that the rows that name no lead can come back',
            'sql': 'alter table ' ~ table ~ ' drop constraint ' ~ quoted(record.constraint_name),
            'wants': [table, quoted_source('businesses')],
        }) %}
        {% do returns.extend(return_steps(record)) %}
        {% for constraint in record.replaced %}
            {% do constraints.extend(constraint_return_steps(record, constraint)) %}
        {% endfor %}
        {% do ends.append({
            'why': 'what was done is undone',
            'sql': 'update ' ~ migration_log() ~ ' set reverted_at = now() where migration_id = ' ~ record.migration_id,
        }) %}
    {% endfor %}
    {% do plan.locks.append(quoted_source('businesses')) if tables.businesses %}
    {% for target in records | map(attribute='replaced') | sum(start=[]) | map(attribute='target') | unique %}
        {% do plan.locks.append(target) if target not in plan.locks %}
    {% endfor %}
    {% do plan.steps.extend(swaps + returns + constraints + ends) %}
    {{ return(plan) }}
{% endmacro %}


{# What somebody has changed since, so that it is no longer the migration's to take back. #}
{% macro reasons_not_to_revert(record) %}
    {% set refusals = [] %}
    {% set definitions = {} %}
    {% for constraint in query_rows(
        'select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint where conrelid = to_regclass('
        ~ literal(quoted_source(record.table_name)) ~ ')'
    ) %}
        {% do definitions.update({constraint.name: constraint.definition}) %}
    {% endfor %}
    {% if definitions.get(record.constraint_name) != record.constraint_definition %}
        {% do refusals.append(
            'The foreign key ' ~ record.constraint_name ~ ' of ' ~ record.table_name ~ ' is no longer as the migration made it.'
        ) %}
    {% endif %}
    {% for constraint in record.replaced %}
        {% if constraint.name in definitions and constraint.name != record.constraint_name %}
            {% do refusals.append(record.table_name ~ ' has a constraint ' ~ constraint.name ~ ' again.') %}
        {% endif %}
        {% if not query_rows('select to_regclass(' ~ literal(constraint.target) ~ ') is not null as is_there')[0].is_there %}
            {% do refusals.append(constraint.target ~ ', which ' ~ constraint.name ~ ' pointed at, is gone.') %}
        {% endif %}
    {% endfor %}
    {% if quarantine_exists(record.table_name) %}
        {% set types = {} %}
        {% for column in columns_to_keep(quoted_source(record.table_name)) %}
            {% do types.update({column.name: column.type}) %}
        {% endfor %}
        {% for column in columns_to_keep(quarantined(record.table_name)) if column.name not in quarantine_columns() %}
            {% if types.get(column.name) != column.type and query_rows(
                'select count(*) as rows from ' ~ quarantined(record.table_name) ~ ' where quarantine_migration_id = '
                ~ record.migration_id ~ ' and ' ~ column.name ~ ' is not null'
            )[0].rows %}
                {% do refusals.append(
                    record.table_name ~ ' has no longer a column ' ~ column.name ~ ' of type ' ~ column.type
                    ~ ', which rows in quarantine have.'
                ) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {{ return(refusals) }}
{% endmacro %}


{# Steps that bring the rows back that a migration has moved. #}
{% macro return_steps(record) %}
    {% set kept_as = quarantined(record.table_name) %}
    {% if not quarantine_exists(record.table_name) %}{{ return([]) }}{% endif %}
    {% set of_this = 'quarantine_migration_id = ' ~ record.migration_id %}
    {% set rows = query_rows('select count(*) as rows from ' ~ kept_as ~ ' where ' ~ of_this)[0].rows %}
    {% if not rows %}{{ return([]) }}{% endif %}
    {% set kept = columns_to_keep(kept_as) | map(attribute='name') | list %}
    {% set columns = columns_to_keep(quoted_source(record.table_name)) | selectattr('can_be_written') | selectattr('name', 'in', kept) | list %}
    {% set names = columns | map(attribute='name') | join(', ') %}
    {% set triggers = trigger_steps(record.table_name) %}
    {{ return(triggers.before + [{
        'why': rows ~ ' rows come back to ' ~ record.table_name,
        'sql': 'with returned as (\n    delete from ' ~ kept_as ~ ' where ' ~ of_this ~ '\n    returning *\n)\n\ninsert into '
            ~ quoted_source(record.table_name) ~ ' (' ~ names ~ ')'
            ~ ('\noverriding system value' if columns | selectattr('is_numbered') | list) ~ '\nselect ' ~ names ~ '\nfrom returned',
        'refused': 'Not all of ' ~ rows ~ ' rows can come back to ' ~ record.table_name ~ ': newer rows there are in the way.'
            ~ ' Nothing was changed, and the rows are in ' ~ kept_as ~ '.',
    }] + triggers.after) }}
{% endmacro %}


{% macro constraint_return_steps(record, constraint) %}
    {% set table = quoted_source(record.table_name) %}
    {% set steps = [{
        'why': 'as it was',
        'sql': 'alter table ' ~ table ~ ' add constraint ' ~ quoted(constraint.name) ~ ' ' ~ constraint.definition,
        'refused': 'Rows that ' ~ record.table_name ~ ' has got since name leads that ' ~ constraint.target
            ~ ' lacks. Nothing was changed.',
    }] %}
    {% if constraint.comment is not none %}
        {% do steps.append({
            'why': 'as it was',
            'sql': 'comment on constraint ' ~ quoted(constraint.name) ~ ' on ' ~ table ~ ' is ' ~ literal(constraint.comment),
        }) %}
    {% endif %}
    {{ return(steps) }}
{% endmacro %}
