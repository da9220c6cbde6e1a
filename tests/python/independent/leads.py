"""Campaigns and leads, each lead once, with what e-mails, profiles and the twin record add to it."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .arithmetic import known_total
from .reference import Reference
from .source import Row, Source, as_number

EMAIL_STATUS_DELIVERABLE = "deliverable"
POINTS_PER_FIELD = 20
PARTS_OF_COST = ("discovery_cost", "enrichment_cost", "validation_cost")


@dataclass(frozen=True)
class Campaigns:
    """The campaigns by id, and what their columns say in either schema."""

    rows: dict[str, Row]
    users: dict[str, str | None]

    def threshold(self, campaign_id: str | None) -> Decimal | None:
        """The campaign's own qualification score; None when it sets none."""
        campaign = self.rows.get(campaign_id)
        if campaign is None:
            return None
        own = as_json_number(member(campaign["settings"], "min_confidence_score"))
        column = campaign["min_confidence_score"]
        return own if own is not None else campaign["quality_threshold"] if column is None else column


@dataclass(frozen=True)
class Leads:
    rows: list[Row]
    """The columns of the mart enhanced_leads, before rounding; times in microseconds since 1970."""
    ids: set[str]
    """Ids of all leads."""


def member(document: Any, name: str) -> Any:
    """A member of a JSON object; None when there is none, or when it is no object."""
    return document.get(name) if isinstance(document, dict) else None


def as_json_number(value: Any) -> Decimal | None:
    """A JSON number, or a string that holds one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    return as_number(value)


def valid_score(score: int | None) -> int | None:
    """A score outside 0-100 is no score."""
    return score if score is not None and 0 <= score <= 100 else None


def read_campaigns(source: Source) -> Campaigns:
    rows = {row["id"]: row for row in source.rows["campaigns"]}
    return Campaigns(rows, {campaign_id: row["user_id"] for campaign_id, row in rows.items()})


def source_leads(source: Source) -> list[tuple[str, Row, Row | None]]:
    """(table, row, twin) of every lead: all of businesses, and enhanced_leads with an id that businesses lacks."""
    twins = {row["id"]: row for row in source.rows["enhanced_leads"]}
    businesses = source.rows["businesses"]
    known = {row["id"] for row in businesses}
    leads: list[tuple[str, Row, Row | None]] = [("businesses", row, twins.get(row["id"])) for row in businesses]
    return leads + [("enhanced_leads", row, row) for row in twins.values() if row["id"] not in known]


def lead_cost(row: Row) -> Decimal | None:
    """USD: the recorded total, else the sum of the parts that are there; None when there are none."""
    if row["total_cost"] is not None:
        return row["total_cost"]
    return known_total(row.get(part) for part in PARTS_OF_COST)


def read_leads(source: Source, campaigns: Campaigns, reference: Reference) -> Leads:
    emails = _group_by_lead(source.rows["lead_emails"])
    profiles = _group_by_lead(source.rows["lead_social_profiles"])
    has_flag = source.has("businesses", "is_qualified")
    rows = []
    for table, row, twin in source_leads(source):
        lead = _lead(table, row, twin, emails[row["id"]], profiles[row["id"]])
        lead["user_id"] = row["user_id"] or campaigns.users.get(row["campaign_id"])
        lead["grade"] = reference.grade(lead["confidence_score"])
        if table == "businesses" and has_flag:
            lead["is_qualified"] = row["is_qualified"] is True
        else:
            lead["is_qualified"] = _reaches_threshold(lead, campaigns, reference)
        rows.append(lead)
    _mark_duplicates(rows)
    return Leads(rows, {lead["id"] for lead in rows})


def _group_by_lead(rows: Iterable[Row]) -> defaultdict[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["lead_id"]].append(row)
    return groups


def _lead(table: str, row: Row, twin: Row | None, emails: list[Row], profiles: list[Row]) -> Row:
    def recorded(column: str) -> Any:
        return twin[column] if twin else None

    deliverable = [email for email in emails if email["verification_status"] == EMAIL_STATUS_DELIVERABLE]
    latitude, longitude = _coordinates(row, recorded("location_coordinates"))
    own_email = row.get("email")
    return {
        "id": row["id"],
        "campaign_id": row["campaign_id"],
        "business_name": row["business_name"],
        "address": row["address"],
        "phone": row["phone"],
        "website": row["website"],
        "email": own_email,
        "place_id": row.get("place_id"),
        "confidence_score": valid_score(row["confidence_score"]),
        "business_type": recorded("business_type"),
        "owner_name": recorded("owner_name"),
        "employee_count": recorded("employee_count"),
        "discovery_source": row["discovery_source"],
        "enrichment_sources": _enrichment_sources(table, row["enrichment_sources"]),
        "discovery_cost": row["discovery_cost"],
        "enrichment_cost": row["enrichment_cost"],
        "validation_cost": row.get("validation_cost"),
        "total_cost": lead_cost(row),
        "data_completeness_score": _completeness(row, recorded("data_completeness_score")),
        "qualification_reason": row.get("qualification_reason"),
        "processing_stage": row.get("processing_stage"),
        "email_count": len(emails),
        "deliverable_email_count": len(deliverable),
        "best_email": _best_email(emails) or (own_email if is_filled(own_email) else None),
        "email_verified": _email_verified(row, recorded("email_verified"), bool(deliverable)),
        "social_profile_count": len(profiles),
        "social_verified": _social_verified(recorded("social_verified"), profiles),
        "website_status": recorded("website_status"),
        "export_status": _export_status(recorded("export_status"), row["exported_at"]),
        "exported_at": row["exported_at"],
        "latitude": latitude,
        "longitude": longitude,
        "source_table": table,
        "created_at": row["created_at"] or 0,
        "updated_at": row["updated_at"],
    }


def is_filled(value: str | None) -> bool:
    return bool(value and value.strip())


def _coordinates(row: Row, point: tuple[Decimal, Decimal] | None) -> tuple[Decimal | None, Decimal | None]:
    latitude, longitude = row.get("latitude"), row.get("longitude")
    if point is None:
        return latitude, longitude
    return point[1] if latitude is None else latitude, point[0] if longitude is None else longitude


def _enrichment_sources(table: str, document: Any) -> list[Any] | None:
    """An array as it is in businesses, an object's keys that are not false in enhanced_leads; None when malformed."""
    if table == "businesses":
        return document if isinstance(document, list) else None
    return sorted(key for key in document if document[key] is not False) if isinstance(document, dict) else None


def _completeness(row: Row, recorded: int | None) -> int:
    if valid_score(recorded) is not None:
        return recorded
    fields = ("business_name", "address", "phone", "website", "email")
    return POINTS_PER_FIELD * sum(is_filled(row.get(field)) for field in fields)


def _best_email(emails: list[Row]) -> str | None:
    def merit(email: Row) -> tuple[Any, ...]:
        score = valid_score(email["verification_score"])
        is_deliverable = email["verification_status"] == EMAIL_STATUS_DELIVERABLE
        return (
            not is_deliverable,
            score is None,
            -(score or 0),
            email["created_at"] or 0,
            email["id"],
        )

    return min(emails, key=merit)["email"] if emails else None


def _export_status(recorded: str | None, exported_at: int | None) -> str:
    """As recorded, but a lead that has been exported is not pending, which is the column's default."""
    if exported_at is not None and recorded in (None, "pending"):
        return "exported"
    return recorded or "pending"


def _email_verified(row: Row, recorded: bool | None, has_deliverable: bool) -> bool:
    return (
        bool(recorded) or has_deliverable or member(member(row.get("validation_status"), "email"), "is_valid") is True
    )


def _social_verified(recorded: bool | None, profiles: list[Row]) -> bool:
    return bool(recorded) or any(profile["verification_status"] == "verified" for profile in profiles)


def _reaches_threshold(lead: Row, campaigns: Campaigns, reference: Reference) -> bool:
    threshold = campaigns.threshold(lead["campaign_id"])
    if threshold is None:
        threshold = reference.number("default_qualification_score")
    return lead["confidence_score"] is not None and lead["confidence_score"] >= threshold


def _normalised_name(name: str | None) -> str:
    """Lower-case, without white space and punctuation."""
    return "".join(
        letter
        for letter in (name or "").lower()
        if not letter.isspace() and unicodedata.category(letter)[0] not in "PS"
    )


def _last_ten_digits(phone: str | None) -> str:
    return "".join(digit for digit in phone or "" if digit in "0123456789")[-10:]


def _identities(lead: Row) -> list[tuple[str, ...]]:
    """What a lead of the same campaign must share with this one to be the same business."""
    if lead["campaign_id"] is None:
        return []
    identities = []
    if is_filled(lead["place_id"]):
        identities.append((lead["campaign_id"], "place", lead["place_id"]))
    name, phone = _normalised_name(lead["business_name"]), _last_ten_digits(lead["phone"])
    if name and phone:
        identities.append((lead["campaign_id"], "name and phone", name, phone))
    return identities


def _mark_duplicates(leads: list[Row]) -> None:
    """Set duplicate_of: the oldest lead that shares an identity, None for that lead itself."""
    oldest: dict[tuple[str, ...], Row] = {}
    for lead in sorted(leads, key=_age):
        rivals = [oldest.setdefault(identity, lead) for identity in _identities(lead)]
        first = min(rivals, key=_age, default=lead)
        lead["duplicate_of"] = None if first is lead else first["id"]


def _age(lead: Row) -> tuple[int, str]:
    return lead["created_at"], lead["id"]
