{#
  For `dbt run-operation create_roles`: prints the statements that make the two roles of docs/rights.md, "Roles", and with
  `--args '{apply: true}'` carries them out in one transaction. Each is there because something is missing or too much:
  when all is as it should be, there is none. To be run by whoever owns the application's tables.
#}
{% macro create_roles(apply=false) %}
    {{ return(adapter.dispatch('create_roles', 'leadgen_analytics')(apply)) }}
{% endmacro %}


{% macro postgres__create_roles(apply) %}
    {% do refuse(bad_variables()) %}
    {% do refuse_roles() %}
    {% set statements = run_query(roles_plan()).columns[0].values() | list %}
    {% set missing = run_query(rights_for_plan()).columns[0].values() | list %}
    {% if missing and apply %}
        {% do exceptions.raise_compiler_error('Nothing was changed: ' ~ target.user ~ ' lacks ' ~ missing | join('; ')) %}
    {% endif %}
    {% for right in missing %}
        {% do print('-- Missing, without which this cannot be carried out by ' ~ target.user ~ ': ' ~ right) %}
    {% endfor %}
    {% set target_text = ' in database ' ~ target.database ~ ', as ' ~ target.user %}
    {% if not statements %}
        {% do print('-- Nothing to do' ~ target_text ~ '.') %}
    {% else %}
        {% do print('-- ' ~ ('Carrying out' if apply else 'To be carried out') ~ target_text ~ ':') %}
        {% do print(statements | join(';\n') ~ ';') %}
    {% endif %}
    {% if statements and apply %}
        {% call statement('create_roles') %}
            set local lock_timeout = '10s';
            {{ statements | join('; ') }}
        {% endcall %}
        {% do adapter.commit() %}
        {% do print('-- Done.') %}
    {% endif %}
    {% for statement in statements if statement.startswith('create role ') %}
        {% do print('-- Note: no password is set. Set one in psql, which sends it hashed: \\password ' ~ statement.split(' ')[2:-1] | join(' ')) %}
    {% endfor %}
    {% for row in run_query(roles_notes()).rows %}
        {% do print('-- Note: ' ~ row[0]) %}
    {% endfor %}
    {% if statements and not apply %}
        {% do print("-- To carry this out: dbt run-operation create_roles --args '{apply: true}'") %}
    {% endif %}
{% endmacro %}


{# A role that has more by its nature is not one to be given less, and least of all the application's own. #}
{% macro refuse_roles() %}
    {% set query %}
        select rolname, rolsuper, exists (
            select
            from pg_class
            where
                relowner = roles.oid
                and relnamespace = to_regnamespace(quote_ident({{ literal(var('source_schema')) }}))
        )
        from pg_roles as roles
        where rolname in ({{ sql_texts([var('transformer_role'), var('reporter_role')]) }})
    {% endset %}
    {% for name, is_superuser, is_owner in run_query(query).rows if is_superuser or is_owner %}
        {% do exceptions.raise_compiler_error(
            'Role ' ~ name ~ (' is a superuser' if is_superuser else ' owns tables in ' ~ var('source_schema'))
            ~ ': name another in the variable ' ~ ('reporter_role' if name == var('reporter_role') else 'transformer_role')
            ~ '.'
        ) %}
    {% endfor %}
{% endmacro %}


{#
  The columns of the source that the models read, one row each: those declared in app.yml that the database has, and
  what read_source tells rows apart by.
#}
{% macro columns_to_read() %}
    {% set tracked = tracked_sources().values() | sum(start=[]) %}
    {% set declared = [] %}
    {% for node in graph.sources.values() if node.source_name == 'app' %}
        {% set names = node.columns.keys() | list %}
        {% do names.append('xmin') if node.name in tracked %}
        {% do names.extend(['ctid', 'tableoid']) %}
        {% for name in names %}
            {% do declared.append('(' ~ literal(node.identifier) ~ ', ' ~ literal(name) ~ ')') %}
        {% endfor %}
    {% endfor %}
    select c.oid as table_oid, a.attnum, a.attname, format('%I.%I', n.nspname, c.relname) as table_name
    from (values {{ declared | join(', ') }}) as declared (table_name, column_name)
    inner join pg_class as c on declared.table_name = c.relname and c.relkind in ('r', 'p', 'v', 'm', 'f')
    inner join pg_namespace as n on c.relnamespace = n.oid and n.nspname = {{ literal(var('source_schema')) }}
    inner join pg_attribute as a
        on c.oid = a.attrelid and declared.column_name = a.attname and not a.attisdropped
        and (a.attnum > 0 or c.relkind in ('r', 'p'))
{% endmacro %}


{#
  The statements, in order. A new role owns nothing and holds nothing, so that a role that is there and one that is not
  yet are the same to all but the first.
#}
{% macro roles_plan() %}
    {% set transformer, reporter = var('transformer_role'), var('reporter_role') %}
    with wanted_columns as (
        {{ columns_to_read() }}
    ),

    roles as (
        select
            named.rolname, named.is_transformer, pg_roles.oid, quote_ident(named.rolname) as role
        from (values ({{ literal(transformer) }}, true), ({{ literal(reporter) }}, false)) as named (rolname, is_transformer)
        left join pg_roles on named.rolname = pg_roles.rolname
    ),

    transformer as (
        select * from roles where is_transformer
    ),

    output_schemas as (
        select named.position, named.nspname, quote_ident(named.nspname) as name, n.oid, n.nspowner
        from unnest(array[{{ sql_texts(output_schemas()) }}]) with ordinality as named (nspname, position)
        left join pg_namespace as n on named.nspname = n.nspname
    ),

    -- what this project has made so far, as another role; an analyst's own view in there stays theirs
    output_objects as (
        select
            case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end
                as kind,
            format('%s.%I', schemas.name, relname) as name, relowner as owner, schemas.nspowner, schemas.position
        from pg_class
        inner join output_schemas as schemas on pg_class.relnamespace = schemas.oid
        where relkind in ('r', 'p', 'v', 'm')
        union all
        select
            'function', format('%s.%I(%s)', schemas.name, proname, pg_get_function_identity_arguments(p.oid)), proowner,
            schemas.nspowner, schemas.position
        from pg_proc as p
        inner join output_schemas as schemas on p.pronamespace = schemas.oid
    ),

    -- is a role's by name: not through PUBLIC or another role, which roles_notes tells
    held_tables as (
        select roles.role, c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) as table_name
        from roles
        inner join pg_class as c
            on c.relnamespace = to_regnamespace(quote_ident({{ literal(var('source_schema')) }}))
        inner join pg_namespace as n on c.relnamespace = n.oid
        where exists (select from aclexplode(c.relacl) where grantee = roles.oid)
    ),

    held_columns as (
        select
            roles.role, a.attrelid, a.attnum, a.attname, format('%I.%I', n.nspname, c.relname) as table_name,
            held.privilege_type,
            roles.is_transformer and held.privilege_type = 'SELECT' and not held.is_grantable
            and exists (
                select from wanted_columns where table_oid = a.attrelid and wanted_columns.attnum = a.attnum
            ) as is_wanted
        from roles
        inner join pg_class as c
            on c.relnamespace = to_regnamespace(quote_ident({{ literal(var('source_schema')) }}))
        inner join pg_namespace as n on c.relnamespace = n.oid
        inner join pg_attribute as a on c.oid = a.attrelid
        cross join aclexplode(a.attacl) as held
        where held.grantee = roles.oid
    ),

    plan (step, position, statement) as (
        select 1, rolname, format('create role %s login', role) from roles where oid is null

        union all
        -- Only a member can make a role the owner of something.
        select 2, '', format('grant %s to %I', transformer.role, current_user)
        from transformer
        where {{ is_no_member('transformer') }}

        union all
        select 3, rolname, format('alter role %s in database %I set jit = off', role, current_database())
        from roles
        where not exists (
            select
            from pg_db_role_setting
            where
                setrole = roles.oid
                and setdatabase in (0, (select oid from pg_database where datname = current_database()))
                and 'jit=off' = any(setconfig)
        )

        union all
        select 4, rolname, format('grant connect on database %I to %s', current_database(), role)
        from roles
        cross join pg_database
        where
            datname = current_database()
            and not exists (
                select from aclexplode(coalesce(datacl, acldefault('d', datdba)))
                where privilege_type = 'CONNECT' and grantee in (0, roles.oid)
            )

        union all
        select 5, rpad(position::text, 3), format('create schema %s authorization %s', name, transformer.role)
        from output_schemas, transformer
        where output_schemas.oid is null

        union all
        select 5, rpad(position::text, 3), format('alter schema %s owner to %s', name, transformer.role)
        from output_schemas, transformer
        where nspowner is distinct from transformer.oid and output_schemas.oid is not null

        union all
        select
            6, rpad(position::text, 3) || objects.name,
            format('alter %s %s owner to %s', kind, objects.name, transformer.role)
        from output_objects as objects, transformer
        where
            owner is distinct from transformer.oid
            and (owner = nspowner or owner = (select oid from pg_roles where rolname = current_user))

        union all
        select 7, table_name, format('revoke all on %s %s from %s', case relkind when 'S' then 'sequence' else 'table' end,
            table_name, role)
        from held_tables

        union all
        select 8, table_name || attname, format('revoke %s (%I) on %s from %s', privilege_type, attname, table_name, role)
        from held_columns
        where not is_wanted and attrelid not in (select oid from held_tables)

        union all
        select 9, '', format('grant usage on schema %I to %s', nspname, role)
        from pg_namespace, transformer
        where
            nspname = {{ literal(var('source_schema')) }}
            and not exists (
                select from aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
                where privilege_type = 'USAGE' and grantee in (0, transformer.oid)
            )

        union all
        select
            10, wanted.table_name,
            format(
                'grant select (%s) on table %s to %s',
                string_agg(quote_ident(wanted.attname), ', ' order by wanted.attnum), wanted.table_name,
                min(transformer.role)
            )
        from wanted_columns as wanted
        cross join transformer
        where
            not exists (
                select from held_columns as held
                where held.attrelid = wanted.table_oid and held.attnum = wanted.attnum and held.is_wanted
                -- and does not go with the table's
                and held.attrelid not in (select oid from held_tables)
            )
        group by wanted.table_name

        union all
        select 11, '', format('grant usage on schema %s to %s', schemas.name, roles.role)
        from output_schemas as schemas, roles
        where
            schemas.nspname in ({{ sql_texts(reporter_schemas()) }}) and not roles.is_transformer
            and (schemas.oid is null or not exists (
                select
                from pg_namespace
                cross join aclexplode(nspacl)
                where pg_namespace.oid = schemas.oid and grantee = roles.oid and privilege_type = 'USAGE'
            ))

        union all
        select 12, c.relname, format('grant select on table %I.%I to %s', n.nspname, c.relname, roles.role)
        from roles
        cross join pg_class as c
        inner join pg_namespace as n on c.relnamespace = n.oid
        where
            n.nspname in ({{ sql_texts(reporter_schemas()) }}) and not roles.is_transformer and c.relkind in ('v', 'r', 'p', 'm')
            and not exists (select from aclexplode(c.relacl) where grantee = roles.oid and privilege_type = 'SELECT')

        union all
        -- so that the first run with another reporter takes it back, if no run comes before that one
        select 13, '', {{ literal(remember_roles([reporter])) }}
        from output_objects
        where name = quote_ident({{ literal(target.schema ~ '_staging') }}) || '.reading_roles'

        union all
        select 14, '', format('revoke %s from %I', transformer.role, current_user)
        from transformer
        where {{ is_no_member('transformer') }}
    )

    select statement, step, position
    from plan
    -- Nobody becomes a member for nothing.
    where
        step not in (2, 13, 14)
        or exists (select from plan as other where other.step in (11, 12) or other.step in (5, 6) and plan.step <> 13)
    order by step, position, statement
{% endmacro %}


{# What the connected role lacks to carry the plan out: one text a row, with what gives it. A superuser lacks nothing. #}
{% macro rights_for_plan() %}
    with planned as (
        {{ roles_plan() }}
    ),

    me as (
        select pg_roles.*, quote_ident(rolname) as name from pg_roles where rolname = current_user
    ),

    missing (position, what) as (
        select 1, format('the right to make roles and set them up: as a superuser, alter role %s createrole;', name)
        from me
        where not rolcreaterole and exists (select from planned where step in (1, 3))

        union all
        -- Since PostgreSQL 16, who may make roles may not set up those that another has made.
        select 2, format('the administration of role %1$I: as a superuser, grant %1$I to %2$s with admin option;',
            named.rolname, me.name)
        from me, pg_roles as named
        where
            (not me.rolcreaterole or current_setting('server_version_num')::int >= 160000)
            and not pg_has_role(named.oid, 'usage with admin option')
            and exists (
                select from planned
                where
                    step = 3 and position = named.rolname
                    or step = 2 and named.rolname = {{ literal(var('transformer_role')) }}
            )

        union all
        select 3, format('the right to make schemas: as the owner of the database, grant create on database %I to %s;',
            current_database(), name)
        from me
        where
            exists (select from planned where step = 5)
            and not has_database_privilege(current_database(), 'create')

        union all
        select 4, format('the right to let others connect: as the owner of the database, grant connect on database %I to %s'
            ' with grant option;', current_database(), name)
        from me
        where
            exists (select from planned where step = 4)
            and not has_database_privilege(current_database(), 'connect with grant option')

        union all
        select 5, format('the ownership of %s: call it as %s', string_agg(tables.name, ', ' order by tables.name),
            string_agg(distinct quote_ident(tables.owner), ', '))
        from (
            select distinct wanted.table_name as name, pg_get_userbyid(relowner) as owner
            from planned
            inner join ({{ columns_to_read() }}) as wanted on planned.step = 10 and planned.position = wanted.table_name
            inner join pg_class on wanted.table_oid = pg_class.oid
            where not has_table_privilege(wanted.table_oid, 'select with grant option')
        ) as tables
        having count(*) > 0
    )

    select what
    from missing
    where not (select rolsuper from me)
    order by position, what
{% endmacro %}


{# Whether the connected role would have to join a role, of a row `named`, to give it anything. #}
{% macro is_no_member(named) -%}
    not (select rolsuper from pg_roles where rolname = current_user)
    and ({{ named }}.oid is null or not exists (
        select
        from pg_auth_members
        where
            roleid = {{ named }}.oid and member = (select oid from pg_roles where rolname = current_user)
            {#- since PostgreSQL 16, who creates a role administers it without being able to become it -#}
            and coalesce((to_jsonb(pg_auth_members) ->> 'set_option')::boolean, true)
    ))
{%- endmacro %}


{# What the statements cannot, or should not, mend: one text a row. #}
{% macro roles_notes() %}
    {% set reporter = literal(var('reporter_role')) %}
    {% set schema = literal(var('source_schema')) %}
    with wanted_columns as (
        {{ columns_to_read() }}
    ),

    roles as (
        select oid, rolname, rolbypassrls, rolname = {{ reporter }} as is_reporter
        from pg_roles
        where rolname in ({{ sql_texts([var('transformer_role'), var('reporter_role')]) }})
    ),

    tables as (
        select c.oid, n.nspname, format('%I.%I', n.nspname, c.relname) as name, c.relrowsecurity
        from pg_class as c
        inner join pg_namespace as n on c.relnamespace = n.oid
        where
            c.relkind in ('r', 'p', 'v', 'm', 'f')
            and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\_%'
    ),

    notes (position, note) as (
        select 1, format('%I is a superuser or may do more than log in: %s', rolname, rights)
        from (
            select rolname, concat_ws(
                ', ', case when rolcreaterole then 'create role' end, case when rolcreatedb then 'create database' end,
                case when rolreplication then 'replication' end, case when rolbypassrls and is_reporter then 'bypass rls' end
            ) as rights
            from (select pg_roles.*, is_reporter from pg_roles inner join roles using (oid)) as named
        ) as named
        where rights <> ''

        union all
        select 3, format('%I has the rights of the roles it is in: %s', rolname, groups)
        from (
            select roles.rolname, string_agg(quote_ident(g.rolname), ', ' order by g.rolname) as groups
            from roles
            inner join pg_auth_members on roles.oid = member
            inner join pg_roles as g on roleid = g.oid
            group by roles.rolname
        ) as memberships

        union all
        select 4, format('row-level security hides the rows of %s from %I until it has a policy: create policy %I on %s'
            ' for select to %I using (true);', tables.name, rolname, rolname, tables.name, rolname)
        from tables
        cross join roles
        where
            not is_reporter and not rolbypassrls and tables.relrowsecurity
            and tables.oid in (select table_oid from wanted_columns)
            and not exists (
                select from pg_policy
                where polrelid = tables.oid and polcmd in ('r', '*') and polroles && array[0::oid, roles.oid]
            )

        union all
        select 5, format('%I can also read, through PUBLIC or another role: %s', rolname, names)
        from (
            select
                roles.rolname,
                string_agg(tables.name, ', ' order by tables.name) as names
            from roles
            inner join tables
                on
                    (is_reporter and tables.nspname <> {{ literal(target.schema) }})
                    or (not is_reporter and tables.nspname not in ({{ sql_texts(output_schemas()) }}))
            where
                case
                    when not has_schema_privilege(roles.oid, tables.nspname, 'usage') then false
                    when is_reporter or tables.nspname <> {{ schema }} then has_any_column_privilege(roles.oid, tables.oid, 'select')
                    else has_table_privilege(roles.oid, tables.oid, 'select') or exists (
                        select
                        from pg_attribute as a
                        where
                            a.attrelid = tables.oid and a.attnum > 0 and not a.attisdropped
                            and has_column_privilege(roles.oid, a.attrelid, a.attnum, 'select')
                            and not exists (
                                select from wanted_columns as wanted
                                where wanted.table_oid = a.attrelid and wanted.attnum = a.attnum
                            )
                    )
                end
            group by roles.rolname
        ) as readable

        union all
        select 6, format('everybody may create things in schema %I, %I included: revoke create on schema %I from public;',
            nspname, {{ reporter }}, nspname)
        from pg_namespace
        where
            nspname not like 'pg\_%'
            and exists (
                select from aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
                where grantee = 0 and privilege_type = 'CREATE'
            )

        union all
        select 7, format('everybody may create temporary tables, %I included: revoke temporary on database %I from public;'
            ' the application may need it, though', {{ reporter }}, datname)
        from pg_database
        where
            datname = current_database()
            and exists (
                select from aclexplode(coalesce(datacl, acldefault('d', datdba)))
                where grantee = 0 and privilege_type = 'TEMPORARY'
            )
    )

    select note from notes order by position, note
{% endmacro %}
