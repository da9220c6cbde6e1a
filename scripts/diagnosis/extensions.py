"""Extensions: none is required."""

from __future__ import annotations

from collections.abc import Iterator

from .finding import Finding, Patient, quoted

EXTENSIONS = """
select e.extname || ' ' || e.extversion || ' in ' || n.nspname
from pg_catalog.pg_extension as e
inner join pg_catalog.pg_namespace as n on e.extnamespace = n.oid
order by e.extname
"""


def examine(patient: Patient) -> Iterator[Finding]:
    found = ", ".join(name for (name,) in patient.query(EXTENSIONS)) or "none"
    yield Finding("extensions", "ok", "extensions", f"{found}; none is required")
    kind = patient.present["enhanced_leads"].get("location_coordinates", "").split("(")[0]
    if kind.rpartition(".")[2] in ("geography", "geometry"):
        schema = patient.query(
            "select n.nspname, has_schema_privilege(n.oid, 'usage') from pg_catalog.pg_type as t"
            " inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid where t.oid = to_regtype(%s)",
            kind,
        )
        for name, may_use in schema:
            if not may_use:
                message = f"is of PostGIS, whose schema {name} the role may not use: coordinates are NULL"
                remedy = f"grant usage on schema {quoted(name)} to {quoted(patient.role)};"
                yield Finding("postgis_not_usable", "warning", "enhanced_leads.location_coordinates", message, remedy)
