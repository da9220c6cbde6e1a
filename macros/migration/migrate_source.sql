{#
  Offers what the models do not need: to point the foreign keys of lead_emails and lead_social_profiles at businesses, in
  the application's own tables. See docs/trouble.md, "Repairing the source".

      dbt run-operation migrate_source                                        # prints the plan
      dbt run-operation migrate_source --args '{apply: true}'                 # carries it out, in one transaction
      dbt run-operation migrate_source --args '{down: true, apply: true}'     # takes it back
#}
{% macro migrate_source(apply=false, down=false, keep_enhanced=false, lock_timeout_seconds=10) %}
    {{ return(adapter.dispatch('migrate_source', 'leadgen_analytics')(apply, down, keep_enhanced, lock_timeout_seconds)) }}
{% endmacro %}


{% macro postgres__migrate_source(apply=false, down=false, keep_enhanced=false, lock_timeout_seconds=10) %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% for name, value in [('apply', apply), ('down', down), ('keep_enhanced', keep_enhanced)] if value is not boolean %}
        {% do exceptions.raise_compiler_error('migrate_source: ' ~ name ~ ' is true or false, not ' ~ value | tojson) %}
    {% endfor %}
    {% if lock_timeout_seconds is not number or lock_timeout_seconds is boolean or lock_timeout_seconds <= 0 %}
        {% do exceptions.raise_compiler_error('migrate_source: lock_timeout_seconds is a number above 0') %}
    {% endif %}
    {% do refuse_autocommit() %}
    {% do begin_migration(apply) %}
    {% set plan = migration_plan(down, keep_enhanced) %}
    {% if apply and plan.steps and not plan.refusals %}
        {#- whoever has read a table and then asks for more of it can end in a deadlock: begin again -#}
        {% do rollback_operation() %}
        {% do begin_migration(apply) %}
        {% do lock_for_migration(plan.locks, lock_timeout_seconds) %}
        {#- what has been committed while it waited counts -#}
        {% set plan = migration_plan(down, keep_enhanced) %}
    {% endif %}
    {% do print_migration_plan(plan, apply, down) %}

    {% if plan.refusals and apply %}
        {% do exceptions.raise_compiler_error(
            'migrate_source changed nothing, see above: ' ~ plan.refusals | join(' ')
        ) %}
    {% elif plan.steps and apply and not plan.refusals %}
        {% for step in plan.steps %}
            {% do run_migration_step(step, lock_timeout_seconds) %}
        {% endfor %}
        {% do adapter.commit() %}
        {% do print('Done, in one transaction.') %}
    {% endif %}
    {{ return('') }}
{% endmacro %}


{% macro begin_migration(apply) %}
    {% do begin_operation() %}
    {% call statement('begin_migration') %}
        set transaction isolation level read committed;
        -- constraints that wait for the commit would keep the tables from being altered
        set constraints all immediate;
        -- so that definitions name every schema, and no object of another schema is taken for one of PostgreSQL's
        set local search_path = pg_catalog;
        -- the server lets go of the tables when dbt is killed; not every system can tell
        do $begin_migration$
        begin
            set local client_connection_check_interval = '1s';
        exception when others then
            null;
        end
        $begin_migration$;
        {{ 'set transaction read only' if not apply }}
    {% endcall %}
{% endmacro %}


{% macro migration_plan(down, keep_enhanced) %}
    {{ return(reversal_plan() if down else repointing_plan(keep_enhanced)) }}
{% endmacro %}


{# The tables whose lead_id the application declares against enhanced_leads, and which can name any lead. #}
{% macro migrated_tables() %}
    {{ return(['lead_emails', 'lead_social_profiles']) }}
{% endmacro %}


{#
  Writers wait from here to the end, readers do not; a second migration waits for the first, and then finds nothing to
  do. All tables in one statement, and first of all, so that nobody whom the migration keeps waiting holds what it asks
  for later.
#}
{% macro lock_for_migration(tables, seconds) %}
    {% do run_ddl_patiently(
        'lock table ' ~ tables | join(', ') ~ ' in share row exclusive mode', patience_seconds=seconds, wanted=tables, readers=false
    ) %}
{% endmacro %}


{#
  A step is a dictionary: its `sql`, and, if it needs a lock that keeps readers out too, the tables it `wants`, or, if
  rows may stand in its way, what to say then (`refused`); PostgreSQL's own words would show what is in the row.
#}
{% macro run_migration_step(step, seconds) %}
    {% if step.wants %}
        {% do run_ddl_patiently(step.sql, patience_seconds=seconds, wanted=step.wants) %}
    {% else %}
        {% call statement('migration_step') %}
            {%- if step.refused %}
            do $migration_step$
            declare
                rule text;
            begin
                execute {{ literal(step.sql) }};
            exception when integrity_constraint_violation then
                get stacked diagnostics rule = constraint_name;
                raise integrity_constraint_violation
                    using message = format({{ literal(step.refused | replace('%', '%%') ~ ' Rule: %s.') }}, rule);
            end
            $migration_step$
            {%- else %}
            {{ step.sql }}
            {%- endif %}
        {% endcall %}
    {% endif %}
{% endmacro %}


{% macro print_migration_plan(plan, apply, down) %}
    {% set arguments = ['down: true'] if down else [] %}
    {% for line in plan.notes %}{% do print(line) %}{% endfor %}
    {% if plan.refusals %}
        {% do print('The migration would not be safe here, so nothing is changed:') %}
        {% for refusal in plan.refusals %}{% do print('- ' ~ refusal) %}{% endfor %}
    {% elif not plan.steps %}
        {% do print('Nothing to do.') %}
    {% else %}
        {% do print('Plan, in one transaction:\n') %}
        {% do print('  -- writers wait until the end, readers only for statements that say so') %}
        {% do print('  lock table ' ~ plan.locks | join(', ') ~ ' in share row exclusive mode;') %}
        {% for step in plan.steps %}
            {% do print('  -- ' ~ step.why ~ (' (readers wait)' if step.wants else '')) %}
            {% do print('  ' ~ step.sql.strip() | replace('\n', '\n  ') ~ ';') %}
        {% endfor %}
        {% if not apply %}
            {% do print(
                "\nNothing has been changed. To carry it out: dbt run-operation migrate_source --args '{"
                ~ (arguments + ['apply: true'] + (['keep_enhanced: true'] if plan.keep_enhanced else [])) | join(', ') ~ "}'"
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}
