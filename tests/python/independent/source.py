"""The raw source tables, row by row.

Every column is read as text and typed here, so that a value which its type cannot hold becomes None in one place.
Only columns that a mart needs are read: no secret and no payload leaves the database.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from struct import unpack_from
from typing import Any

import psycopg2
from psycopg2 import sql

Row = dict[str, Any]
Parser = Callable[[str], Any]

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
MALFORMED = object()
"""Stands for text that is no JSON at all."""

_CANONICAL_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?(?:Z|([+-])(\d\d)(?::?(\d\d))?)?"
)
_POINT = re.compile(r"\(([^,()]+),([^,()]+)\)")
_WKB_SRID_FLAG = 0x20000000
_MONEY_LIMIT = Decimal(10) ** 6


def as_text(value: str) -> str:
    return value


def as_uuid(value: str) -> str | None:
    """Lower-case text of a UUID."""
    if _CANONICAL_UUID.fullmatch(value):
        return value
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return None


def as_number(value: Any) -> Decimal | None:
    """A finite number."""
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None
    return number if number.is_finite() else None


def as_int(value: str) -> int | None:
    number = as_number(value)
    return None if number is None else int(number.quantize(Decimal(1), ROUND_HALF_UP))


def as_money(value: str) -> Decimal | None:
    """USD with ten decimals at most; None for a million or more."""
    number = as_number(value)
    if number is None or abs(number) >= _MONEY_LIMIT:
        return None
    return number.quantize(Decimal("1e-10"), ROUND_HALF_UP)


def as_bool(value: str) -> bool | None:
    return {"true": True, "t": True, "false": False, "f": False}.get(value.lower())


def as_time(value: str) -> int | None:
    """Microseconds since 1970-01-01 UTC; None for an infinite or unreadable time."""
    match = _TIMESTAMP.fullmatch(value)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    parts = (int(part or 0) for part in (year, month, day, hour, minute, second))
    try:
        moment = datetime(*parts, int((fraction or "").ljust(6, "0")), tzinfo=timezone.utc)
    except ValueError:
        return None
    offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    return microseconds(moment + offset if sign == "-" else moment - offset)


def as_date(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def as_json(value: str) -> Any:
    """The JSON value with exact numbers; JSON null is None, text that is no JSON is MALFORMED."""
    try:
        return json.loads(value, parse_float=Decimal)
    except ValueError:
        return MALFORMED


def as_array(value: str) -> list[str | None] | None:
    """The elements of a Postgres array that was read through to_jsonb."""
    elements = as_json(value)
    return elements if isinstance(elements, list) else None


def as_point(value: str) -> tuple[Decimal, Decimal] | None:
    """(longitude, latitude) of a `point` or of the hexadecimal EWKB of a PostGIS point."""
    match = _POINT.fullmatch(value)
    if match:
        x, y = as_number(match[1]), as_number(match[2])
        return None if x is None or y is None else (x, y)
    try:
        return _point_of_wkb(bytes.fromhex(value))
    except ValueError:
        return None


def _point_of_wkb(wkb: bytes) -> tuple[Decimal, Decimal] | None:
    if len(wkb) < 21:
        return None
    order = "<" if wkb[0] == 1 else ">"
    (kind,) = unpack_from(f"{order}I", wkb, 1)
    x, y = unpack_from(f"{order}dd", wkb, 9 if kind & _WKB_SRID_FLAG else 5)
    if kind & 0xFF != 1 or x != x or y != y:
        return None
    return Decimal(repr(x)), Decimal(repr(y))


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC."""
    return (moment - EPOCH) // MICROSECOND


def moment(at: int | None) -> datetime | None:
    """The reverse of `microseconds`."""
    return None if at is None else EPOCH + at * MICROSECOND


def _columns(**kinds: Parser) -> dict[str, Parser]:
    return kinds


_LEAD_COLUMNS = _columns(
    id=as_uuid, campaign_id=as_uuid, user_id=as_uuid, business_name=as_text, address=as_text, phone=as_text,
    website=as_text, discovery_source=as_text, enrichment_sources=as_json, confidence_score=as_int,
    discovery_cost=as_money, enrichment_cost=as_money, total_cost=as_money, exported_at=as_time, created_at=as_time,
    updated_at=as_time,
)  # fmt: skip

TABLES: dict[str, dict[str, Parser]] = {
    "campaigns": _columns(
        id=as_uuid, user_id=as_uuid, name=as_text, business_type=as_text, location=as_text, target_count=as_int,
        lead_limit=as_int, status=as_text, budget_limit=as_number, current_cost=as_number, total_cost=as_number,
        settings=as_json, results=as_json, search_parameters=as_json, quality_threshold=as_int,
        min_confidence_score=as_int, created_at=as_time,
        completed_at=as_time,
    ),
    "businesses": _LEAD_COLUMNS | _columns(
        email=as_text, latitude=as_number, longitude=as_number, place_id=as_text, enrichment_data=as_json,
        validation_status=as_json, is_qualified=as_bool, qualification_reason=as_text, validation_cost=as_money,
        processing_stage=as_text,
    ),
    "enhanced_leads": _LEAD_COLUMNS | _columns(
        validation_cost=as_money, business_type=as_array, owner_name=as_text, employee_count=as_int,
        data_completeness_score=as_int, email_verified=as_bool, website_status=as_int, social_verified=as_bool,
        export_status=as_text, location_coordinates=as_point,
    ),
    "api_usage": _columns(
        id=as_uuid, user_id=as_uuid, campaign_id=as_uuid, business_id=as_uuid, service=as_text, endpoint=as_text,
        cost=as_money, success=as_bool, response_time=as_int, error_message=as_text, http_status_code=as_int,
        rate_limit_remaining=as_int, created_at=as_time,
    ),
    "api_usage_log": _columns(
        id=as_uuid, campaign_id=as_uuid, api_service=as_text, endpoint=as_text, request_cost=as_money,
        response_status=as_int, credits_used=as_int, processing_time_ms=as_int, created_at=as_time,
    ),
    "api_cost_tracking": _columns(
        id=as_uuid, campaign_id=as_uuid, business_id=as_uuid, api_service=as_text, endpoint=as_text,
        request_count=as_int, cost_per_request=as_money, total_cost=as_money, success_count=as_int,
        error_count=as_int, avg_response_time_ms=as_int, rate_limit_remaining=as_int, date=as_date, hour=as_int,
        created_at=as_time,
    ),
    "user_settings": _columns(
        user_id=as_uuid, daily_budget_limit=as_number, monthly_budget_limit=as_number, notification_settings=as_json,
    ),
    "export_history": _columns(
        id=as_uuid, campaign_id=as_uuid, user_id=as_uuid, format=as_text, leads_count=as_int, file_size_bytes=as_int,
        expires_at=as_time, created_at=as_time,
    ),
    "dashboard_exports": _columns(
        id=as_uuid, user_id=as_uuid, campaign_id=as_uuid, export_type=as_text, file_format=as_text, start_date=as_date,
        end_date=as_date, campaign_ids=as_array, row_count=as_int, file_size_mb=as_number, export_status=as_text,
        expires_at=as_time, created_at=as_time, completed_at=as_time,
    ),
    "campaign_analytics": _columns(
        id=as_text, campaign_id=as_uuid, metric_name=as_text, metric_value=as_number, metric_type=as_text,
        api_service=as_text, timestamp=as_time, created_at=as_time,
    ),
    "lead_emails": _columns(
        id=as_uuid, lead_id=as_uuid, email=as_text, verification_status=as_text, verification_score=as_int,
        created_at=as_time,
    ),
    "lead_social_profiles": _columns(id=as_uuid, lead_id=as_uuid, verification_status=as_text),
    "service_health_metrics": _columns(
        id=as_uuid, service_name=as_text, status=as_text, response_time_ms=as_int, error_rate=as_number,
        rate_limit_remaining=as_int, cost_budget_remaining=as_number, last_successful_call=as_time, last_error=as_text,
        timestamp=as_time,
    ),
}  # fmt: skip
"""The columns read of each table, and how each is typed."""


@dataclass(frozen=True)
class Source:
    """All rows of the source; a missing table has no rows, a missing column is None in every row."""

    rows: dict[str, list[Row]]
    types: dict[str, dict[str, str]]
    """The Postgres type of each column that exists, by table."""

    scales: dict[str, dict[str, int | None]]
    """Decimals that a numeric column holds, by table; None for any number, and for other types."""

    def has(self, table: str, column: str) -> bool:
        return column in self.types.get(table, {})


def read_source(dsn: str, schema: str) -> Source:
    """Read every table of one schema in one transaction.

    Raises psycopg2.Error when the database cannot be reached or a table cannot be read.
    """
    connection = psycopg2.connect(dsn)
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            cursor.execute(
                "set local timezone to 'UTC'; set local datestyle to 'ISO'; set local extra_float_digits to 1"
            )
            cursor.execute(
                "select table_name, column_name, udt_name, numeric_scale from information_schema.columns"
                " where table_schema = %s",
                (schema,),
            )
            types: dict[str, dict[str, str]] = {}
            scales: dict[str, dict[str, int | None]] = {}
            for table, column, kind, scale in cursor:
                types.setdefault(table, {})[column] = kind
                scales.setdefault(table, {})[column] = scale
            rows = {table: _read_table(cursor, schema, table, types.get(table, {})) for table in TABLES}
    finally:
        connection.close()
    return Source(rows, types, scales)


def _read_table(cursor: Any, schema: str, table: str, types: dict[str, str]) -> list[Row]:
    parsers = TABLES[table]
    present = [column for column in parsers if column in types]
    if not present:
        return []
    missing = {column: None for column in parsers if column not in types}
    columns = sql.SQL(", ").join(
        sql.SQL("to_jsonb({})::text" if parsers[column] is as_array else "{}::text").format(sql.Identifier(column))
        for column in present
    )
    cursor.execute(sql.SQL("select {} from {}.{}").format(columns, sql.Identifier(schema), sql.Identifier(table)))
    return [
        missing
        | {column: None if text is None else parsers[column](text) for column, text in zip(present, row, strict=True)}
        for row in cursor
    ]
