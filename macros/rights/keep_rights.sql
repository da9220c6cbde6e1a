{# Values as a list for `in (…)`. #}
{% macro sql_texts(values) -%}
    {%- for value in values %}{{ literal(value) }}{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}


{# The schemas that this project builds in. #}
{% macro output_schemas() %}
    {% set schemas = [target.schema] %}
    {% for layer in ['staging', 'intermediate', 'metrics', 'audit', 'tenant'] %}
        {% do schemas.append(target.schema ~ '_' ~ layer) %}
    {% endfor %}
    {{ return(schemas) }}
{% endmacro %}


{# Those that the reporter reads. #}
{% macro reporter_schemas() %}
    {{ return([target.schema, target.schema ~ '_metrics']) }}
{% endmacro %}


{% macro tenant_schema() %}
    {{ return(target.schema ~ '_tenant') }}
{% endmacro %}


{#
  What the roles named by the variables have in the schemas of this project, and nothing else:

  reporter_role    selects from the marts, and from what metrics need beside them
  tenant_role      selects from the tenants' views, in tenant mode
  closed_roles     nothing, whatever default privileges (Supabase's, for instance) have given them

  A role that one of the first two variables named before, and does not any more, loses what it has. No other role's rights
  are touched. A role that does not exist is passed over.
#}
{% macro keep_rights(schema=none, relation=none) %}
    {{ return(adapter.dispatch('keep_rights', 'leadgen_analytics')(schema, relation)) }}
{% endmacro %}


{% macro postgres__keep_rights(schema, relation) %}
    {% set statements = run_query(rights_to_mend(schema, relation)).columns[0].values() | list %}
    {% if statements %}
        {% call statement('keep_rights') %}
            {{ statements | join('; ') }}
        {% endcall %}
    {% endif %}
    {{ return(statements) }}
{% endmacro %}


{#
  A query of the statements that are missing. All schemas, one, or one relation in it. The connected role can mend only
  what it owns, directly or through a role that it is in.
#}
{% macro rights_to_mend(schema=none, relation=none) %}
    {% set readers = [var('reporter_role')] + ([var('tenant_role')] if var('tenant_mode') else []) %}
    with roles as (
        select
            oid,
            rolname,
            rolname = {{ literal(var('reporter_role')) }} as is_reporter,
            rolname = {{ literal(var('tenant_role')) }} and {{ var('tenant_mode') }} as is_tenant
        from pg_roles
        where
            rolname in ({{ sql_texts([var('reporter_role'), var('tenant_role')] + var('closed_roles')) }})
            {%- if schema is none %}
            or oid in ({{ reading_roles() }})
            {%- endif %}
    ),

    schemas as (
        select *
        from pg_namespace
        where nspname in ({{ sql_texts([schema] if schema else output_schemas()) }})
    ),

    objects (object_id, kind, schema_name, object_name, name, acl, owner, privilege) as (
        {%- if relation is none %}
        select oid, 'schema', nspname, nspname, format('%I', nspname), nspacl, nspowner, 'USAGE'
        from schemas
        union all
        select
            p.oid, 'function', nspname, proname, format('%I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(p.oid)),
            proacl, proowner, 'EXECUTE'
        from pg_proc as p
        inner join schemas on p.pronamespace = schemas.oid
        where p.prokind = 'f'
        union all
        {%- endif %}
        select
            pg_class.oid, case relkind when 'S' then 'sequence' else 'table' end, nspname, relname,
            format('%I.%I', nspname, relname), relacl, relowner, 'SELECT'
        from pg_class
        inner join schemas on pg_class.relnamespace = schemas.oid
        where
            relkind in ('r', 'p', 'v', 'm', 'f', 'S')
            {%- if relation is not none %}
            and relname = {{ literal(relation.identifier) }}
            {%- endif %}
    ),

    rights as (
        select
            roles.rolname,
            objects.*,
            array(
                select privilege_type || case when is_grantable then ' and grant it' else '' end
                from aclexplode(objects.acl)
                where grantee = roles.oid
                union all
                select 'a column'
                from pg_attribute
                cross join aclexplode(attacl)
                where objects.kind = 'table' and attrelid = objects.object_id and grantee = roles.oid
            ) as held,
            case
                when
                    roles.is_reporter and objects.schema_name in ({{ sql_texts(reporter_schemas()) }})
                    and objects.kind in ('schema', 'table')
                    then array[objects.privilege]
                when
                    roles.is_tenant and objects.schema_name = {{ literal(tenant_schema()) }}
                    and objects.kind in ('schema', 'table')
                    then array[objects.privilege]
                when
                    roles.is_tenant and objects.kind = 'function' and objects.object_name = 'current_tenant'
                    then array[objects.privilege]
                else array[]::text[]
            end as wanted
        from roles
        cross join objects
        where objects.owner <> roles.oid and pg_has_role(objects.owner, 'usage')
    )

    select statement
    from (
        select 1 as position, format('revoke all on %s %s from %I', kind, name, rolname) as statement
        from rights
        where not held <@ wanted
        union all
        select 2, format('grant %s on %s %s to %I', lower(privilege), kind, name, rolname)
        from rights
        where held <> wanted and wanted <> '{}'
        {%- if schema is none %}
        union all
        select 1, format(
            'alter default privileges for role %I in schema %I revoke all on %s from %I', pg_get_userbyid(defaclrole), nspname,
            case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' else 'types' end, rolname
        )
        from pg_default_acl
        inner join schemas on defaclnamespace = schemas.oid
        cross join roles
        where
            not is_reporter and not is_tenant and pg_has_role(defaclrole, 'usage')
            and exists (select from aclexplode(defaclacl) where grantee = roles.oid)
        union all
        select 3, {{ literal('delete from ' ~ function_name('reading_roles') ~ '; ' ~ remember_roles(readers)) }}
        where
            exists (select * from {{ function_name('reading_roles') }} except {{ roles_to_remember(readers) }})
            or exists ({{ roles_to_remember(readers) }} except select * from {{ function_name('reading_roles') }})
        {%- endif %}
    ) as statements
    order by position, statement
{% endmacro %}


{#
  The roles that a run, or create_roles, has opened anything to, so that a run that does not name them any more closes it
  again. By oid, because a role may be renamed; in a table restored from a dump, which has another oid itself, by name. A
  database from before this table may have been opened to the default of reporter_role.
#}
{% macro reading_roles_definition() -%}
    {{ function_name('reading_roles') }} as
    select cast('analytics_reporter' as text) as role_name, cast(0 as oid) as role_oid, cast(0 as oid) as table_oid
{%- endmacro %}


{# A query of those, by oid, that the server still has. #}
{% macro reading_roles() -%}
    select pg_roles.oid
    from {{ function_name('reading_roles') }} as known
    inner join pg_roles
        on case known.table_oid when known.tableoid then pg_roles.oid = known.role_oid else rolname = known.role_name end
{%- endmacro %}


{% macro roles_to_remember(names) -%}
    select rolname::text, oid, {{ literal(function_name('reading_roles')) }}::regclass::oid
    from pg_roles
    where rolname in ({{ sql_texts(names) }})
{%- endmacro %}


{% macro remember_roles(names) -%}
    insert into {{ function_name('reading_roles') }} {{ roles_to_remember(names) }}
{%- endmacro %}


{#
  For on-run-start and on-run-end: rights, and what is left of tenant mode once that is off. Commands that only compile
  do so with hooks as well, several at once.
#}
{% macro keep_all_rights() %}
    {% if execute and flags.WHICH not in ['compile', 'generate', 'show'] %}
        {% do adapter.commit() if keep_rights() %}
        {% do drop_tenant_views() if not var('tenant_mode') %}
    {% endif %}
    {{ return('') }}
{% endmacro %}


{#
  In the transaction that creates the relation: nobody sees it with other rights. Those of one that was there, which is
  in dbt's cache, were seen to at the start of the run.
#}
{% macro postgres__apply_grants(relation, grant_config, should_revoke) %}
    {% do keep_rights(relation.schema, relation) if not load_cached_relation(relation) %}
    {% set config = {} %}
    {#- dbt takes away what a `grants` config does not name -#}
    {% set readers = readers_of(relation) if grant_config else [] %}
    {% for privilege, grantees in (grant_config or {}).items() %}
        {% do config.update({privilege: grantees + (readers if privilege == 'select' else [])}) %}
    {% endfor %}
    {{ return(dbt.default__apply_grants(relation, config, should_revoke)) }}
{% endmacro %}


{% macro readers_of(relation) %}
    {% set role = var('reporter_role') if relation.schema in reporter_schemas() else '' %}
    {% set role = var('tenant_role') if relation.schema == tenant_schema() else role %}
    {% if relation.schema == tenant_schema() and not var('tenant_mode') %}{{ return([]) }}{% endif %}
    {{ return(run_query('select rolname from pg_roles where rolname = ' ~ literal(role)).columns[0].values() | list) }}
{% endmacro %}


{# A schema, and the rights before anything is in it. #}
{% macro create_closed_schema(schema) %}
    {#- `create schema if not exists` asks for the right to create one even where it exists. -#}
    {% if execute and not adapter.check_schema_exists(target.database, schema) %}
        {% do dbt.default__create_schema(api.Relation.create(schema=schema)) %}
        {% do keep_rights(schema) %}
    {% endif %}
{% endmacro %}


{#
  dbt asks for schemas before anything has been checked, and ends the transaction. They are made by the first hook, after
  its checks.
#}
{% macro postgres__create_schema(relation) %}
    {% do adapter.verify_database(relation.database) if relation.database %}
    {% call statement('create_schema_later') %}
        select
    {% endcall %}
{% endmacro %}


{# The schemas of what this run builds. #}
{% macro create_schemas() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set built = graph.nodes.values() | selectattr('resource_type', 'in', ['model', 'seed']) %}
    {% set selected = built | selectattr('unique_id', 'in', selected_resources) %}
    {% for schema in selected | map(attribute='schema') | unique %}
        {% do create_closed_schema(schema) %}
    {% endfor %}
{% endmacro %}
