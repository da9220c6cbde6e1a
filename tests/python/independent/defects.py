"""data_quality_issues: one row per defective record and kind of defect."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from .arithmetic import total
from .calls import CallRecord, Calls
from .leads import PARTS_OF_COST, Campaigns, Leads, as_json_number, lead_cost, member, source_leads, valid_score
from .reference import Reference
from .source import Row, Source

MINUTE = 60 * 1_000_000
PROCESSING_STAGES = frozenset({"discovered", "enriching", "enriched", "validating", "validated", "qualified", "failed"})
RESULT_COUNTERS = ("discovered", "enriched", "validated", "qualified", "exported")


def data_quality_issues(
    source: Source, campaigns: Campaigns, leads: Leads, calls: Calls, reference: Reference, now: int
) -> list[Row]:
    """All defects; `now` in microseconds since 1970 is what the future is measured by."""
    return [
        *_lead_defects(source, campaigns),
        *_email_and_profile_defects(source, leads),
        *_campaign_defects(source, leads, reference),
        *_call_defects(calls, campaigns, leads, reference),
        *_time_defects(source, calls, now + int(reference.number("clock_skew_tolerance_minutes") * MINUTE)),
        *_malformed_json(source),
        *(
            _issue("duplicate_lead", "warning", lead["source_table"], lead["id"], lead["campaign_id"])
            for lead in leads.rows
            if lead["duplicate_of"]
        ),
    ]


def _issue(kind: str, severity: str, table: str, record_id: str | None, campaign_id: str | None) -> Row:
    return {
        "issue_type": kind,
        "severity": severity,
        "source_table": table,
        "record_id": record_id,
        "campaign_id": campaign_id,
    }


def _lead_defects(source: Source, campaigns: Campaigns) -> Iterator[Row]:
    for table, row, twin in source_leads(source):
        place = (table, row["id"], row["campaign_id"])
        if row["campaign_id"] not in campaigns.rows:
            yield _issue("orphan_business", "error", *place)
        stage = row.get("processing_stage")
        if stage is not None and stage not in PROCESSING_STAGES:
            yield _issue("unknown_status", "warning", *place)
        if lead_cost(row) is None:
            yield _issue("missing_cost", "info", *place)
        if any((row.get(column) or 0) < 0 for column in (*PARTS_OF_COST, "total_cost")):
            yield _issue("negative_cost", "error", *place)
        completeness = twin["data_completeness_score"] if twin else None
        if _is_out_of_range(row["confidence_score"]) or _is_out_of_range(completeness):
            yield _issue("score_out_of_range", "warning", *place)


def _is_out_of_range(score: int | None) -> bool:
    return score is not None and valid_score(score) is None


def _email_and_profile_defects(source: Source, leads: Leads) -> Iterator[Row]:
    for table, kind in (("lead_emails", "orphan_lead_email"), ("lead_social_profiles", "orphan_social_profile")):
        for row in source.rows[table]:
            if row["lead_id"] not in leads.ids:
                yield _issue(kind, "error", table, row["id"], None)
    campaign_of = {lead["id"]: lead["campaign_id"] for lead in leads.rows}
    for row in source.rows["lead_emails"]:
        if _is_out_of_range(row["verification_score"]):
            yield _issue("score_out_of_range", "warning", "lead_emails", row["id"], campaign_of.get(row["lead_id"]))


def _campaign_defects(source: Source, leads: Leads, reference: Reference) -> Iterator[Row]:
    costs: dict[str | None, list[Decimal | None]] = {}
    for lead in leads.rows:
        costs.setdefault(lead["campaign_id"], []).append(lead["total_cost"])
    for row in source.rows["campaigns"]:
        place = ("campaigns", row["id"], row["id"])
        if row["status"] not in reference.campaign_statuses:
            yield _issue("unknown_status", "warning", *place)
        recorded, computed = recorded_cost(row), total(costs.get(row["id"], []))
        tolerated = reference.number("counter_drift_tolerance") * abs(computed)
        tolerated += _rounded_away(row, source, len(costs.get(row["id"], [])))
        if recorded is not None and abs(recorded - computed) > tolerated:
            yield _issue("counter_drift", "warning", *place)


def _rounded_away(campaign: Row, source: Source, added_values: int) -> Decimal:
    """What a counter can be off by: half a unit in its column's last place for each value that was added to it."""
    column = "total_cost" if campaign["current_cost"] is None else "current_cost"
    scale = source.scales["campaigns"].get(column)
    return Decimal(0) if scale is None else max(added_values, 1) * Decimal(1).scaleb(-scale) / 2


def recorded_cost(campaign: Row) -> Decimal | None:
    """The application's own counter, under either schema's name."""
    return campaign["total_cost"] if campaign["current_cost"] is None else campaign["current_cost"]


def _call_defects(calls: Calls, campaigns: Campaigns, leads: Leads, reference: Reference) -> Iterator[Row]:
    for record in calls.records:
        place = (record.source_table, record.id, record.campaign_id)
        severity = _orphan_severity(record, campaigns, leads)
        if severity:
            yield _issue("orphan_api_call", severity, *place)
        if not reference.knows_service(record.service_spelling):
            yield _issue("unknown_service", "warning", *place)
        if record.recorded_cost is None:
            yield _issue("missing_cost", "info", *place)
        elif record.recorded_cost < 0:
            yield _issue("negative_cost", "error", *place)
        if reference.is_repeating(record.source_table, record.endpoint):
            yield _issue("repeated_cost", "warning", *place)
    unknown: dict[tuple[str, str], set[str]] = {}
    for call in calls.counted:
        if call.endpoint is not None and not reference.knows_endpoint(call.service, call.endpoint):
            unknown.setdefault((call.service, call.endpoint), set()).add(call.source_table)
    for (service, endpoint), tables in unknown.items():
        yield _issue("unknown_endpoint", "warning", min(tables), f"{service} {endpoint}", None)
    for record in calls.counted:
        place = (record.source_table, record.id, record.campaign_id)
        if record.cost is None:
            yield _issue("unpriced_call", "warning", *place)
        if record.campaign_id is not None and record.campaign_id not in campaigns.rows:
            yield _issue("deleted_campaign_spend", "warning", *place)
        elif record.campaign_id is None and record.source_table == "api_usage_log":
            yield _issue("deleted_campaign_spend", "info", *place)


def _orphan_severity(record: CallRecord, campaigns: Campaigns, leads: Leads) -> str | None:
    is_campaign_gone = record.campaign_id is not None and record.campaign_id not in campaigns.rows
    is_lead_gone = record.business_id is not None and record.business_id not in leads.ids
    if is_campaign_gone or is_lead_gone:
        return "warning"
    return "info" if record.campaign_id is None else None


def _time_defects(source: Source, calls: Calls, limit: int) -> Iterator[Row]:
    records = [
        *(("campaigns", row["id"], row["id"], row["created_at"]) for row in source.rows["campaigns"]),
        *((table, row["id"], row["campaign_id"], row["created_at"]) for table, row, _ in source_leads(source)),
        *((record.source_table, record.id, record.campaign_id, record.created_at) for record in calls.records),
    ]
    for *place, created_at in records:
        if created_at is None:
            yield _issue("missing_timestamp", "warning", *place)
        elif created_at > limit:
            yield _issue("future_timestamp", "warning", *place)


def _malformed_json(source: Source) -> Iterator[Row]:
    for row in source.rows["campaigns"]:
        documents = (row["settings"], row["results"], row["search_parameters"])
        numbers = [member(row["settings"], "min_confidence_score")]
        numbers += [member(row["results"], counter) for counter in RESULT_COUNTERS]
        if not all(map(_is_object, documents)) or not all(map(_is_number, numbers)):
            yield _issue("malformed_json_field", "warning", "campaigns", row["id"], row["id"])
    for row in source.rows["businesses"]:
        is_array = isinstance(row["enrichment_sources"], list | None)
        if not (is_array and _is_object(row["enrichment_data"]) and _is_object(row["validation_status"])):
            yield _issue("malformed_json_field", "warning", "businesses", row["id"], row["campaign_id"])
    for row in source.rows["enhanced_leads"]:
        if not _is_object(row["enrichment_sources"]):
            yield _issue("malformed_json_field", "warning", "enhanced_leads", row["id"], row["campaign_id"])
    for row in source.rows["user_settings"]:
        settings = row["notification_settings"]
        if not (_is_object(settings) and _is_number(member(settings, "budget_alert_threshold"))):
            yield _issue("malformed_json_field", "warning", "user_settings", row["user_id"], None)


def _is_object(document: Any) -> bool:
    """Also for SQL NULL and JSON null."""
    return document is None or isinstance(document, dict)


def _is_number(value: Any) -> bool:
    """Also for SQL NULL and JSON null."""
    return value is None or as_json_number(value) is not None
