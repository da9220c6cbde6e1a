"""Foreign keys of the source: where they point, and whether they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql

from .finding import Finding, Patient, quoted

LEADS_AND_CAMPAIGNS = {"campaigns", "businesses", "enhanced_leads"}
MIGRATED = ("lead_emails", "lead_social_profiles")
MOST_COUNTED = 1_000
FIRST_POINT = "let it point where it should: the foreign key that replaces it is on"
FOREIGN_KEYS = """
select
    child.relname,
    a.attname,
    k.conname,
    parent_schema.nspname,
    parent.relname,
    parent_column.attname,
    pg_get_constraintdef(k.oid),
    k.convalidated,
    coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true),
    array(
        select format('alter table %%s enable trigger %%I;', t.tgrelid::regclass, t.tgname)
        from pg_catalog.pg_trigger as t
        where t.tgconstraint = k.oid and t.tgenabled in ('D', 'R')
        order by t.oid
    )
from pg_catalog.pg_constraint as k
inner join pg_catalog.pg_class as child on k.conrelid = child.oid
inner join pg_catalog.pg_namespace as n on child.relnamespace = n.oid
inner join pg_catalog.pg_attribute as a on k.conrelid = a.attrelid and a.attnum = k.conkey[1]
inner join pg_catalog.pg_class as parent on k.confrelid = parent.oid
inner join pg_catalog.pg_namespace as parent_schema on parent.relnamespace = parent_schema.oid
inner join pg_catalog.pg_attribute as parent_column
    on k.confrelid = parent_column.attrelid and parent_column.attnum = k.confkey[1]
where k.contype = 'f' and cardinality(k.conkey) = 1 and n.nspname = %s and child.relname = any(%s)
order by 1, 2, 3
"""
CAN_BE_REFERENCED = """
select exists (
    select
    from pg_catalog.pg_index as i
    inner join pg_catalog.pg_attribute as parent on i.indrelid = parent.attrelid and parent.attnum = i.indkey[0]
    inner join pg_catalog.pg_attribute as child on child.attrelid = %s::regclass and child.attname = %s
    where
        i.indrelid = %s::regclass and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null
        and i.indnkeyatts = 1 and parent.attname = 'id' and parent.atttypid = child.atttypid
)
"""


@dataclass(frozen=True)
class _ForeignKey:
    """A foreign key of one column; `disabled` are the statements that switch its own triggers on again."""

    table: str
    column: str
    name: str
    target_schema: str
    target: str
    target_column: str
    definition: str
    is_valid: bool
    is_enforced: bool
    disabled: list[str]


def examine(patient: Patient) -> Iterator[Finding]:
    is_well = True
    keys = [_ForeignKey(*row) for row in patient.query(FOREIGN_KEYS, patient.schema, list(patient.tables))]
    for key in keys:
        for finding in _of_one(patient, key):
            is_well = False
            yield finding
    keyed = {(key.table, key.column) for key in keys}
    for table in MIGRATED:
        if patient.present[table] and patient.present["businesses"] and (table, "lead_id") not in keyed:
            is_well = False
            message = "no foreign key keeps it: rows may name leads that do not exist"
            remedy = "dbt run-operation migrate_source, which prints a plan"
            yield Finding("foreign_key_missing", "info", f"{table}.lead_id", message, remedy)
    if is_well and keys:
        message = f"all foreign keys that there are ({len(keys)}) point where they should, and hold"
        yield Finding("foreign_keys", "ok", patient.schema, message)
    elif is_well:
        yield Finding("foreign_keys", "ok", patient.schema, "there are none; rows that name nothing are defects")


def _of_one(patient: Patient, key: _ForeignKey) -> Iterator[Finding]:
    where = f"{key.table}.{key.name}"
    target = (key.target_schema, key.target)
    altered = f"alter table {quoted(patient.schema, key.table)}"
    parents = patient.tables[key.table].parents.get(key.column, ())
    expected = next((parent for parent in parents if patient.present[parent]), None)
    is_wrong = expected in LEADS_AND_CAMPAIGNS and target != (patient.schema, expected)
    if is_wrong:
        message = f"points at {'.'.join(target) if target[0] != patient.schema else target[1]}, not at {expected}:"
        message += f" the database refuses new rows of what only {expected} has"
        remedy = "dbt run-operation migrate_source, which prints a plan"
        if key.table not in MIGRATED:
            remedy = _repointing(patient, key, expected, altered)
        yield Finding("foreign_key_wrong", "warning", where, message, remedy)
    elif not key.is_valid and key.is_enforced:
        message = "is not validated: rows from before it may name what does not exist"
        statement = f"{altered} validate constraint {quoted(key.name)};"
        remedy = _where_all_rows_have_one(patient, key, target, key.target_column, statement)
        yield Finding("foreign_key_not_validated", "info", where, message, remedy)
    if not key.is_enforced:
        statement = f"{altered} alter constraint {quoted(key.name)} enforced;"
        remedy = _where_all_rows_have_one(patient, key, target, key.target_column, statement)
        remedy = FIRST_POINT if is_wrong else remedy
        yield Finding("foreign_key_off", "warning", where, "is switched off: it is not enforced", remedy)
    elif key.disabled:
        # by name: the application may have switched triggers of its own off on purpose
        message = "is switched off: its triggers are disabled"
        remedy = FIRST_POINT if is_wrong else " ".join(key.disabled)
        yield Finding("foreign_key_off", "warning", where, message, remedy)


def _repointing(patient: Patient, key: _ForeignKey, expected: str, altered: str) -> str:
    """In one statement, which holds for all rows or changes nothing: at no time are rows less checked than before."""
    names = (quoted(patient.schema, key.table), key.column, quoted(patient.schema, expected))
    if not patient.query(CAN_BE_REFERENCED, *names)[0][0]:
        return f"none by itself: {key.column} can reference {expected} once both have one type and id is unique there"
    rules = re.sub(r"^.* REFERENCES .+?\([^)]*\)| NOT VALID$| NOT ENFORCED$", "", key.definition)
    statement = f"{altered} drop constraint {quoted(key.name)}, add constraint {quoted(key.name)} foreign key"
    statement += f" ({quoted(key.column)}) references {quoted(patient.schema, expected)} (id){rules};"
    return _where_all_rows_have_one(patient, key, (patient.schema, expected), "id", statement)


def _where_all_rows_have_one(
    patient: Patient, key: _ForeignKey, target: tuple[str, str], target_column: str, statement: str
) -> str:
    """The statement, if no row would make it fail; else what to see to first."""
    query = sql.SQL(
        "select count(*) from (select from {} as child where {} is not null"
        " and not exists (select from {} as parent where parent.{} = child.{}) limit %s) as nameless"
    ).format(
        sql.Identifier(patient.schema, key.table),
        sql.Identifier(key.column),
        sql.Identifier(*target),
        sql.Identifier(target_column),
        sql.Identifier(key.column),
    )
    try:
        ((rows,),) = patient.query(query, MOST_COUNTED + 1)
    except psycopg2.Error:
        if patient.connection.closed:
            raise
        return f"whether all rows name a row of {target[1]} could not be looked at; once they do: {statement[:-1]}"
    if not rows:
        return statement
    count = f"more than {MOST_COUNTED:,}" if rows > MOST_COUNTED else f"{rows:,}"
    unnamed = f"{count} rows of {key.table} whose {key.column} names no row of {target[1]}"
    return f"first see to {unnamed}; then {statement[:-1]}"
