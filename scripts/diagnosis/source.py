"""Shape, tables, columns, types, indexes, variables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import psycopg2
from psycopg2 import sql

from .finding import Finding, Patient, in_one_line, listed, quoted, see

EXISTING_COLUMNS = """
select c.relname, a.attname
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_class as c on a.attrelid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where n.nspname = %s and c.relname = any(%s) and a.attnum > 0 and not a.attisdropped
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
"""
ESTIMATES = """
select c.relname, greatest(c.reltuples, 0)::bigint
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where n.nspname = %s and c.relname = any(%s) and c.relkind in ('r', 'p', 'm')
"""

# What may be there and not be read: the tables that are no plain ones, and foreign tables among their partitions.
NOT_PLAIN = """
with recursive relations as (
    select c.oid
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where n.nspname = %s and c.relname = any(%s)
    union
    select i.inhrelid
    from pg_catalog.pg_inherits as i
    inner join relations on i.inhparent = relations.oid
)

select n.nspname, c.relname, c.relkind
from relations
inner join pg_catalog.pg_class as c on relations.oid = c.oid
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where c.relkind in ('v', 'm', 'f')
order by 1, 2
"""
REMEDIES = {
    "m": "refresh materialized view {};",
    "f": "see to the server that the foreign table is on, or correct its address (alter server)",
    "v": "mend what the view reads",
}


def examine(patient: Patient) -> Iterator[Finding]:
    state = patient.state
    rows = dict(patient.query(ESTIMATES, patient.schema, list(patient.tables)))
    present = [f"{name} (about {rows.get(name, 0):,} rows)" for name, columns in patient.present.items() if columns]
    if present:
        yield Finding("shape", "ok", patient.schema, f"shape {state['shape']}: {listed(present, 14)}")
    for problem in state["bad_variables"]:
        yield Finding("bad_variable", "error", problem.split()[2], problem, "set it in dbt_project.yml, or with --vars")
    for problem in state["bad_source"]:
        yield Finding("missing_required", "error", patient.schema, problem)
    yield from _unreadable(patient)
    yield from _broken(patient)
    yield from _missing(patient)
    yield from _unread(patient)
    for relation in state["other_relations"]:
        known_by = ", ".join(relation["known_by"])
        message = f"what has this name has none of {known_by}: it is not that table, and read as missing"
        yield Finding("another_structure", "info", relation["name"], message)
    for column in state["mistyped"]:
        name, actual, expected = column["name"], column["type"], column["expected"]
        message = f"is {actual}, not {expected}: values that cannot be read as that are NULL, and reading it is slow"
        # no statement: it would fail on a value that cannot be read and on every view, and round what is finer
        remedy = f"let a migration of the application give it a type that casts to {expected}: {see('types')}"
        yield Finding("mistyped_column", "warning", name, message, remedy)
    for table in state["left_tables"]:
        message = "is what marts read, and has been renamed or is no longer the source: they show nothing new"
        yield Finding("left_table", "error", table, message, "run dbt")
    for statement in state["missing_indexes"]:
        table = statement.partition(" on ")[2].partition(" (")[0].rpartition(".")[2].strip('"')
        column = statement.partition("(")[2].lstrip("(").partition(" at time zone")[0].partition(")")[0].strip('"')
        message = "has no index that starts with it: runs and marts read the whole table"
        yield Finding("missing_index", "warning", f"{table}.{column}", message, statement)
    for name in state["unindexable"]:
        message = "no index can be on it; whether what it reads has one that starts with it was not looked at"
        yield Finding("index_not_looked_at", "info", name, message)
    if not state["missing_indexes"] and not state["unindexable"]:
        yield Finding("indexes", "ok", patient.schema, "every index that runs and marts want is there")


def _unreadable(patient: Patient) -> Iterator[Finding]:
    """What is there, and hidden from the role: to a run it is missing."""
    hidden = defaultdict(list)
    others = {relation["name"] for relation in patient.state["other_relations"]}
    for table, column in patient.query(EXISTING_COLUMNS, patient.schema, list(patient.tables)):
        is_read = table not in others and column in patient.tables[table].kinds
        if is_read and column not in patient.present[table]:
            hidden[table].append(column)
    role = quoted(patient.role)
    ((may_enter,),) = patient.query("select has_schema_privilege(to_regnamespace(%s), 'usage')", quoted(patient.schema))
    for table, columns in hidden.items():
        is_all = not patient.present[table]
        what = f"({', '.join(map(quoted, columns))}) " if not is_all or patient.tables[table].secrets else ""
        message = "may not be read by this role, so that a run takes it for missing"
        if not is_all:
            message = f"columns {listed(columns)} may not be read by this role, so that a run takes them for missing"
        grant = f"grant select {what}on {quoted(patient.schema, table)} to {role};"
        if not may_enter:
            grant = f"grant usage on schema {quoted(patient.schema)} to {role}; {grant}"
        yield Finding("not_readable", "warning", table, message, grant)


def _broken(patient: Patient) -> Iterator[Finding]:
    """What nobody can read at the moment: a run would fail on it."""
    present = [name for name, columns in patient.present.items() if columns]
    for *name, kind in patient.query(NOT_PLAIN, patient.schema, present):
        try:
            patient.query(sql.SQL("select from {} limit 1").format(sql.Identifier(*name)))
        except (psycopg2.errors.QueryCanceled, psycopg2.errors.LockNotAvailable):
            continue  # slow, or busy, is not broken
        except psycopg2.errors.InsufficientPrivilege:
            continue  # which is told of the table; a partition need not be readable by itself
        except psycopg2.Error as error:
            if patient.connection.closed:
                raise
            message = f"cannot be read: {in_one_line(error)}"
            yield Finding("cannot_be_read", "error", name[-1], message, REMEDIES[kind].format(quoted(*name)))


def _unread(patient: Patient) -> Iterator[Finding]:
    """What looks like paid calls or leads and is in none of the marts."""
    for relation in patient.state["unread_relations"]:
        cost = relation["cost_column"]
        total = sql.SQL("sum({}::numeric)").format(sql.Identifier(cost)) if cost else sql.SQL("null")
        name = sql.Identifier(patient.schema, relation["name"])
        try:
            ((rows, money),) = patient.query(sql.SQL("select count(*), {} from {}").format(total, name))
            extent = f"{rows:,} rows" + (f", {cost} adds up to {money or 0:,.2f}" if cost else "")
        except psycopg2.Error as error:  # too slow, or broken
            if patient.connection.closed:
                raise
            extent = f"its rows could not be counted ({in_one_line(error)})"
        message = f"looks like {relation['looks_like']}, and is not read: {extent}, in no mart"
        remedy = f"if it is, read it through a view: {see('views')}"
        yield Finding("unread", "warning", relation["name"], message, remedy)


def _missing(patient: Patient) -> Iterator[Finding]:
    """What is missing, and what that costs. A column of a mart is empty if all is missing that could fill it."""
    missing = set(patient.state["missing_columns"])
    absent = {name for name, columns in patient.present.items() if not columns}
    feeders: dict[str, set[str]] = defaultdict(set)
    for name, table in patient.tables.items():
        for mart in table.feeds:
            feeders[mart].add(name)
        for column, fed in table.column_feeds.items():
            for target in fed:
                feeders[target].add(f"{name}.{column}")
    lacking = absent | missing | _of_other_form(patient)
    lacking |= {f"{name}.{column}" for name in absent for column in patient.tables[name].kinds}
    empty_marts = {target for target, sources in feeders.items() if "." not in target and sources <= lacking}
    empty = {
        target
        for target, sources in feeders.items()
        if "." in target and sources <= lacking and target.split(".")[0] not in empty_marts
    }
    named: set[str] = set()
    for name, table in patient.tables.items():
        if name in absent:
            fed = {*table.feeds, *(target for targets in table.column_feeds.values() for target in targets)}
            named |= fed
            yield _cost("missing_table", name, "read as empty", fed, empty_marts | empty, None)
    for name in sorted(missing):
        table, _, column = name.partition(".")
        fed = set(patient.tables[table].column_feeds[column])
        named |= fed
        yield _cost("missing_column", name, "read as NULL", fed, empty, patient.tables[table].without.get(column))
    if (empty | empty_marts) - named:
        message = "nothing fills these in this form of the tables: " + ", ".join(sorted((empty | empty_marts) - named))
        yield Finding("empty_columns", "info", patient.schema, message)


def _of_other_form(patient: Patient) -> set[str]:
    """Columns that this database has in another form: not missing, and nothing to fill a mart with."""
    return {
        f"{name}.{column}"
        for name, table in patient.tables.items()
        if patient.present[name]
        for column in table.kinds
        if column not in patient.present[name]
    }


def _cost(code: str, name: str, how: str, fed: set[str], empty: set[str], without: str | None) -> Finding:
    parts = [how]
    if fed & empty:
        parts.append("without it these are empty or 0: " + ", ".join(sorted(fed & empty)))
    if fed - empty:
        parts.append("filled from elsewhere as far as that goes: " + listed(sorted(fed - empty), 3))
    if without:
        parts.append(without)
    if len(parts) == 1:
        parts.append("no column of a mart depends on it")
    return Finding(code, "info", name, "; ".join(parts))
