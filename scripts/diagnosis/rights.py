"""What the role may not do, and what it may and need not; rows that are hidden from it."""

from __future__ import annotations

from collections.abc import Iterator

from own_database import missing_permission

from .finding import Finding, Patient, listed, quoted, see

ROLE = """
select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication
from pg_catalog.pg_roles where rolname = current_user
"""
# Rights that the role has by itself can be taken from it; what PUBLIC or another role has cannot.
TABLES = """
select
    c.relname,
    array(
        select right_to
        from unnest(array['insert', 'update', 'delete', 'truncate']) as right_to
        where has_table_privilege(c.oid, right_to)
    ),
    array(
        select distinct lower(acl.privilege_type)
        from aclexplode(c.relacl) as acl
        inner join pg_catalog.pg_roles as r on acl.grantee = r.oid
        where r.rolname = current_user
    ),
    pg_has_role(c.relowner, 'usage'),
    row_security_active(c.oid),
    array(
        select p.polname
        from pg_catalog.pg_policy as p
        where p.polrelid = c.oid
    ),
    array(
        select case
            when not p.polpermissive then 'restrictive'
            when pg_get_expr(p.polqual, p.polrelid) = 'true' then 'all'
            else 'some'
        end
        from pg_catalog.pg_policy as p
        where
            p.polrelid = c.oid
            and p.polcmd in ('r', '*')
            and exists (select from unnest(p.polroles) as r (oid) where r.oid = 0 or pg_has_role(r.oid, 'usage'))
    ),
    c.relkind
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where n.nspname = %s and c.relname = any(%s)
order by 1
"""
# What the application's relations are made of, through views and partitions.
WITH_SECURITY = """
with recursive read (oid) as (
    select c.oid
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where n.nspname = %s and c.relname = any(%s)
    union
    select deeper.oid
    from read
    cross join lateral (
        select i.inhrelid as oid
        from pg_catalog.pg_inherits as i
        where i.inhparent = read.oid
        union all
        select d.refobjid
        from pg_catalog.pg_rewrite as r
        inner join pg_catalog.pg_depend as d on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
        where r.ev_class = read.oid and d.refclassid = 'pg_class'::regclass
    ) as deeper
)

select count(*)
from read
inner join pg_catalog.pg_class as c on read.oid = c.oid
where c.relrowsecurity
"""
SECRETS = """
select a.attname
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_class as c on a.attrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where n.nspname = %s and c.relname = %s and a.attname = any(%s) and has_column_privilege(c.oid, a.attnum, 'select')
"""
OWN_ROLE = f"make a role of its own for it: {see('roles')}"


def examine(patient: Patient) -> Iterator[Finding]:
    role, is_super, bypasses, creates_roles, creates_databases, replicates = patient.query(ROLE)[0]
    tables = patient.query(TABLES, patient.schema, list(patient.tables))
    problem = missing_permission(patient.connection)
    if problem:
        yield Finding("cannot_build", "error", role, problem)
    kinds = {table: kind for table, _, _, _, _, _, _, kind in tables}
    for table in patient.state["without_row_versions"]:
        message = "the role may not read xmin, so that runs hash every column to find out what has changed"
        remedy = f"grant select (xmin) on {quoted(patient.schema, table)} to {quoted(role)};"
        if kinds[table] not in ("r", "p"):
            message = "is no table, so that runs hash every column to find out what has changed"
            remedy = None
        yield Finding("no_row_versions", "info", table, message, remedy)
    yield from _hidden(patient.schema, role, tables)

    if is_super and patient.is_embedded:
        yield Finding("superuser", "info", role, "is the superuser of the embedded server, which is the sample's own")
        return
    if is_super:
        yield Finding("superuser", "warning", role, "is a superuser: it may do anything, everywhere", OWN_ROLE)
        return
    excess = []
    for name, has in (("createrole", creates_roles), ("createdb", creates_databases), ("replication", replicates)):
        if has:
            excess.append(
                Finding(
                    "role_attribute",
                    "warning",
                    role,
                    f"has {name}, which nothing here needs",
                    f"alter role {quoted(role)} no{name};",
                )
            )
    ((secured,),) = patient.query(WITH_SECURITY, patient.schema, list(patient.tables))
    if bypasses and not secured:
        message = "has bypassrls, and no table that is read has row-level security"
        excess.append(Finding("bypassrls_unneeded", "info", role, message, f"alter role {quoted(role)} nobypassrls;"))
    owned = [table for table, _, _, is_owner, *_ in tables if is_owner]
    if owned:
        excess.append(
            Finding("owns_source", "warning", role, f"owns tables that it only reads: {listed(owned)}", OWN_ROLE)
        )
    for table, rights, own_rights, is_owner, *_ in tables:
        if rights and not is_owner:
            statement = f"revoke {', '.join(rights)} on {quoted(patient.schema, table)} from {quoted(role)};"
            if not set(rights) <= set(own_rights):
                statement = f"PUBLIC or another role gives it: {OWN_ROLE}"
            message = f"the role may {', '.join(rights)}, and only reads it"
            excess.append(Finding("can_write", "warning", table, message, statement))
    for name, table in patient.tables.items():
        readable = [column for (column,) in patient.query(SECRETS, patient.schema, name, list(table.secrets))]
        if readable:
            message = f"the role may read {listed(readable)}, which no model reads"
            remedy = f"grant select on single columns instead, as create_roles does: {see('roles')}"
            excess.append(Finding("can_read_secrets", "warning", name, message, remedy))
    if patient.query(
        "select coalesce(has_schema_privilege(to_regnamespace(%s), 'create'), false)", quoted(patient.schema)
    )[0][0]:
        message = "the role may create objects in the application's schema"
        statement = f"revoke create on schema {quoted(patient.schema)} from {quoted(role)};"
        excess.append(Finding("can_create_in_source", "warning", patient.schema, message, statement))
    yield from excess
    if not excess and not problem:
        yield Finding("rights", "ok", role, "may do what is needed, and no more")


def _hidden(schema: str, role: str, tables: list[tuple]) -> Iterator[Finding]:
    for table, _, _, _, is_active, names, policies, _ in tables:
        if not is_active or ("all" in policies and "restrictive" not in policies):
            continue
        name = role
        while name in names:
            name += " reads all"
        remedy = f"create policy {quoted(name)} on {quoted(schema, table)} for select to {quoted(role)} using (true);"
        if "all" in policies:
            remedy = "a restrictive policy hides what it does not name: let it name this role"
        if set(policies) <= {"restrictive"}:
            message = "row-level security hides every row from this role: the marts are empty"
            yield Finding("rows_hidden", "error", table, message, remedy)
        else:
            message = "row-level security may hide rows from this role: the marts have what its policies let through"
            yield Finding("rows_may_be_hidden", "warning", table, message, remedy)
