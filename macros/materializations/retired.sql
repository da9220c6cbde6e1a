{#
  Relations that earlier versions of the project made and this one does not. They go once what has taken their place is
  built: until then an upgrade needs them, or goes on where it failed.
#}
{% macro former_relations() %}
    {{ return([
        'int_api_counted_records', 'int_api_names', 'int_api_paired_records', 'int_api_records', 'int_api_records_named',
        'int_api_records_unioned', 'int_api_usage_blocks', 'int_api_usage_blocks_rollup', 'int_deleted_campaign_blocks',
        'int_lead_contact_issues', 'int_pruned_blocks', 'int_response_times_hourly', 'int_response_times_hourly_rollup',
    ]) }}
{% endmacro %}


{#
  For on-run-end: drops what run_ddl_patiently has renamed aside, and what the project no longer has, once nothing reads it
  any more, and names what still reads one. A lock that is not had at once is left for the next run.
#}
{% macro drop_retired_relations() %}
    {% if not execute or not schemas %}
        {{ return('') }}
    {% endif %}
    {% set retired %}
        select
            pg_class.oid,
            pg_class.relkind,
            array(
                select distinct pg_rewrite.ev_class::regclass::text
                from pg_depend
                inner join pg_rewrite on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
                where
                    pg_depend.refclassid = 'pg_class'::regclass
                    and pg_depend.refobjid = pg_class.oid
                    and pg_rewrite.ev_class <> pg_class.oid
            ) as readers
        from pg_class
        inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
        where
            pg_namespace.nspname in ('{{ schemas | join("', '") }}')
            and (
                pg_class.relname ~ '__dbt_old_[0-9a-f]{12}$'
                or (
                    pg_class.relname in ('{{ former_relations() | join("', '") }}')
                    and pg_namespace.nspname = '{{ target.schema }}_intermediate'
                    and exists (
                        select from pg_class as successor
                        where
                            successor.relname = 'int_api_records_hourly_rollup'
                            and successor.relnamespace = pg_namespace.oid
                    )
                )
            )
            and pg_class.relkind in ('r', 'v', 'm')
            and pg_has_role(pg_class.relowner, 'usage')
    {% endset %}
    {% if not run_query(retired).rows %}
        {{ return('') }}
    {% endif %}

    {% set drop %}
        do $drop_retired$
        declare
            old record;
            dropped boolean := true;
        begin
            perform set_config('lock_timeout', '400ms', true);
            -- Again, because one that read another sets it free.
            while dropped loop
                dropped := false;
                for old in select * from ({{ retired }}) as retired where readers = '{}' loop
                    begin
                        execute format(
                            'drop %s %s',
                            case old.relkind when 'r' then 'table' when 'v' then 'view' else 'materialized view' end,
                            old.oid::regclass
                        );
                        dropped := true;
                    exception when lock_not_available or deadlock_detected or dependent_objects_still_exist then
                        null;
                    end;
                end loop;
            end loop;
        end
        $drop_retired$
    {% endset %}
    {% call statement('drop_retired') %}
        {{ without_timeout(drop) }}
    {% endcall %}
    {% do adapter.commit() %}

    {% for row in run_query("select oid::regclass::text, array_to_string(readers, ', ') from (" ~ retired ~ ") as old") %}
        {% do exceptions.warn(
            row[0] ~ ' is out of date, and still read by ' ~ (row[1] or 'a query') ~ ': create that again.'
        ) %}
    {% endfor %}
    {{ return('') }}
{% endmacro %}
