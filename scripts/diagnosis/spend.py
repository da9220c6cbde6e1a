"""Calls that are logged more than once, what adding the logs up would count too much, and old calls that have gone."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg2 import sql

from .finding import Finding, Patient

ORIGINALS = ("int_source_changes", "int_pruned_calls", "int_deleted_campaign_calls")
ARE_BUILT = "select bool_and(to_regclass(format('%%I.%%I', %s::text, name)) is not null) from unnest(%s) as name"
LOGS = ("api_usage", "api_usage_log", "api_cost_tracking")
MART = "api_usage_reconciliation"


def examine(patient: Patient) -> Iterator[Finding]:
    yield from _double_logging(patient)
    yield from _pruned_rows(patient)


def _pruned_rows(patient: Patient) -> Iterator[Finding]:
    """What the last run has found of rows that the application has deleted because they were old."""
    schema = f"{patient.state['target_schema']}_intermediate"
    ((are_built,),) = patient.query(ARE_BUILT, schema, list(ORIGINALS))
    if not are_built or not patient.state["pruned_hours"]:
        return
    ((kept, lost, lost_from, lost_until),) = patient.query(patient.state["pruned_hours"])
    table = f"{schema}.int_pruned_calls"
    if kept:
        day = patient.state["keep_sums_before"]
        message = f"{kept:,} hours before {day} keep the sums of rows that have gone from the source, and only here"
        yield Finding("kept_sums", "info", table, message, "back this table up, and do not drop it")
    if lost:
        message = f"all rows of {lost:,} hours from {lost_from} to {lost_until} UTC have gone from the source,"
        message += " as the last run has seen, and what they cost from the marts"
        remedy = "if the application deletes old rows, set keep_sums_before to a day before which it may"
        yield Finding("lost_sums", "warning", table, message, remedy)


def _double_logging(patient: Patient) -> Iterator[Finding]:
    logs = [name for name in LOGS if patient.present[name]]
    if len(logs) < 2:
        message = f"calls are logged in one table only ({logs[0]})" if logs else "there is no log of API calls"
        yield Finding("single_log", "ok", logs[0] if logs else patient.schema, message)
        return
    schema = patient.state["target_schema"]
    ((is_built,),) = patient.query(ARE_BUILT, schema, [MART])
    if not is_built:
        message = (
            f"calls may be logged more than once, in {', '.join(logs)}; the marts say how often, and are not built"
        )
        yield Finding("not_built", "info", f"{schema}.{MART}", message, "./scripts/run")
        return
    statement = "select sum(paired_calls), sum(counted_cost), sum(double_count_avoided) from {}"
    ((pairs, counted, avoided),) = patient.query(sql.SQL(statement).format(sql.Identifier(schema, MART)))
    for service, calls, distant, cost, first_day, seconds in patient.state["distant_records"]:
        message = (
            f"of {calls:,} calls that api_usage has of {service} since {first_day}, {distant:,} ({cost} USD) have no"
        )
        message += (
            f" record in api_usage_log within the tolerance, but one within {seconds} s: counted twice if they are"
        )
        message += " the same calls"
        remedy = f"set the variable api_log_match_tolerance_seconds to {seconds}"
        yield Finding("distant_records", "warning", service, message, remedy)
    if patient.state["distant_records"] and not pairs:
        return
    if not avoided and not pairs:
        seconds = patient.state["api_log_match_tolerance_seconds"]
        message = f"no two records of one call lie within {seconds} s (api_log_match_tolerance_seconds) in two logs;"
        message += " what lies further apart was not looked at"
        yield Finding("no_duplicate_logging", "ok", f"{schema}.{MART}", message)
        return
    message = f"{int(pairs or 0):,} calls are logged more than once: adding up {', '.join(logs)} counts"
    message += (
        f" {avoided or 0:,.2f} USD twice, beside {counted or 0:,.2f} USD that were spent; the marts count each once"
    )
    remedy = "query the marts, never the sum of the logs"
    yield Finding("duplicate_logging", "info", f"{schema}.{MART}", message, remedy)
