"""Foreign keys of the source: where they point, and whether they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .finding import Finding, Patient, quoted

LEADS_AND_CAMPAIGNS = {"campaigns", "businesses", "enhanced_leads"}
MIGRATED = ("lead_emails", "lead_social_profiles")
FOREIGN_KEYS = """
select
    child.relname,
    a.attname,
    k.conname,
    parent_schema.nspname,
    parent.relname,
    pg_get_constraintdef(k.oid),
    k.convalidated,
    coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) and not exists (
        select from pg_catalog.pg_trigger as t where t.tgconstraint = k.oid and t.tgenabled in ('D', 'R')
    )
from pg_catalog.pg_constraint as k
inner join pg_catalog.pg_class as child on k.conrelid = child.oid
inner join pg_catalog.pg_namespace as n on child.relnamespace = n.oid
inner join pg_catalog.pg_attribute as a on k.conrelid = a.attrelid and a.attnum = k.conkey[1]
inner join pg_catalog.pg_class as parent on k.confrelid = parent.oid
inner join pg_catalog.pg_namespace as parent_schema on parent.relnamespace = parent_schema.oid
where k.contype = 'f' and cardinality(k.conkey) = 1 and n.nspname = %s and child.relname = any(%s)
order by 1, 2, 3
"""


def examine(patient: Patient) -> Iterator[Finding]:
    is_well = True
    keyed = set()
    for table, column, name, schema, parent, definition, is_valid, is_on in patient.query(
        FOREIGN_KEYS, patient.schema, list(patient.tables)
    ):
        keyed.add((table, column))
        for finding in _of_one(patient, table, column, name, (schema, parent), definition, is_valid, is_on):
            is_well = False
            yield finding
    for table in MIGRATED:
        if patient.present[table] and patient.present["businesses"] and (table, "lead_id") not in keyed:
            is_well = False
            message = "no foreign key keeps it: rows may name leads that do not exist"
            remedy = "dbt run-operation migrate_source, which prints a plan"
            yield Finding("foreign_key_missing", "info", f"{table}.lead_id", message, remedy)
    if is_well:
        yield Finding("foreign_keys", "ok", patient.schema, "all foreign keys point where they should, and hold")


def _of_one(
    patient: Patient,
    table: str,
    column: str,
    name: str,
    target: tuple[str, str],
    definition: str,
    is_valid: bool,
    is_on: bool,
) -> Iterator[Finding]:
    where = f"{table}.{name}"
    altered = f"alter table {quoted(patient.schema, table)}"
    parents = patient.tables[table].parents.get(column, ())
    expected = next((parent for parent in parents if patient.present[parent]), None)
    if expected in LEADS_AND_CAMPAIGNS and target != (patient.schema, expected):
        message = f"points at {'.'.join(target) if target[0] != patient.schema else target[1]}, not at {expected}:"
        message += f" the database refuses new rows of what only {expected} has"
        remedy = "dbt run-operation migrate_source, which prints a plan"
        if table not in MIGRATED:
            rules = re.sub(r"^.* REFERENCES .+?\([^)]*\)| NOT VALID$", "", definition).lower()
            remedy = f"{altered} drop constraint {quoted(name)}, add constraint {quoted(name)} foreign key"
            remedy += f" ({quoted(column)}) references {quoted(patient.schema, expected)} (id){rules} not valid;"
        yield Finding("foreign_key_wrong", "warning", where, message, remedy)
    elif not is_valid:
        message = "is not validated: rows from before it may name what does not exist"
        yield Finding(
            "foreign_key_not_validated", "info", where, message, f"{altered} validate constraint {quoted(name)};"
        )
    if not is_on:
        message = "is switched off: its triggers are disabled, or it is not enforced"
        yield Finding("foreign_key_off", "warning", where, message, f"{altered} enable trigger all;")
