"""Calls that are logged more than once, and what adding the logs up would count too much."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg2 import sql

from .finding import Finding, Patient

LOGS = ("api_usage", "api_usage_log", "api_cost_tracking")
MART = "api_usage_reconciliation"


def examine(patient: Patient) -> Iterator[Finding]:
    logs = [name for name in LOGS if patient.present[name]]
    if len(logs) < 2:
        message = f"calls are logged in one table only ({logs[0]})" if logs else "there is no log of API calls"
        yield Finding("single_log", "ok", logs[0] if logs else patient.schema, message)
        return
    schema = patient.state["target_schema"]
    (is_built,) = patient.query("select to_regclass(format('%%I.%%I', %s::text, %s::text)) is not null", schema, MART)[
        0
    ]
    if not is_built:
        message = (
            f"calls may be logged more than once, in {', '.join(logs)}; the marts say how often, and are not built"
        )
        yield Finding("not_built", "info", f"{schema}.{MART}", message, "./scripts/run")
        return
    statement = "select sum(paired_calls), sum(counted_cost), sum(double_count_avoided) from {}"
    ((pairs, counted, avoided),) = patient.query(sql.SQL(statement).format(sql.Identifier(schema, MART)))
    if not avoided and not pairs:
        yield Finding("no_duplicate_logging", "ok", f"{schema}.{MART}", "no call is logged more than once")
        return
    message = f"{int(pairs or 0):,} calls are logged more than once: adding up {', '.join(logs)} counts"
    message += (
        f" {avoided or 0:,.2f} USD twice, beside {counted or 0:,.2f} USD that were spent; the marts count each once"
    )
    remedy = "query the marts, never the sum of the logs"
    yield Finding("duplicate_logging", "info", f"{schema}.{MART}", message, remedy)
