"""Single calls and hourly rows that carry planted defects.

Each is made in a night, minutes from any other call, so that no rule of pairing can take it for another one.
"""

from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import polars as pl

from .defects import FUTURE, Defects
from .reference import CALL_KINDS, SERVICES
from .shapes import Shape
from .truth import Truth
from .values import DAY, HOUR, MINUTE, SECOND, USD

KEPT, ABSENT, NOBODY = "kept", "absent", "nobody"  # the campaign or lead that a record names
BOTH, USAGE, LOG, HOURLY = "both logs", "api_usage", "api_usage_log", "api_cost_tracking"
REQUESTS_PER_HOURLY_ROW = 3
_NIGHTS = 80


@dataclass(frozen=True)
class OddKind:
    """A kind of odd call: what is recorded (cost in ten-thousandths of a USD, None: not recorded), and where."""

    where: str
    service: str | None
    endpoint: str | None
    cost: int | None
    campaign: str = KEPT
    lead: str = KEPT
    is_future: bool = False


ODD_KINDS = (
    *(OddKind(where, "google_places", "place_details", 170, campaign=ABSENT) for where in (BOTH, USAGE, LOG, HOURLY)),
    *(OddKind(where, "neverbounce", "verify_email", 80, campaign=NOBODY) for where in (BOTH, USAGE, HOURLY)),
    *(OddKind(where, "scrapingdog", "scrape", 20, lead=ABSENT) for where in (BOTH, USAGE, HOURLY)),
    *(OddKind(where, "clearbit", "enrich", 500) for where in (BOTH, LOG, HOURLY)),
    *(OddKind(where, "Lusha.com", "people/match", None) for where in (BOTH, USAGE, LOG, HOURLY)),
    OddKind(BOTH, None, "ping", None),
    OddKind(BOTH, "", "ping", 10),
    *(OddKind(where, "google_places", "photo", None) for where in (BOTH, LOG)),
    OddKind(BOTH, "hunter_io", None, 490),
    *(OddKind(where, "hunter_io", "verify_email", -490) for where in (BOTH, USAGE, LOG, HOURLY)),
    *(OddKind(where, "google_places", "text_search", 320, is_future=True) for where in (BOTH, USAGE, LOG, HOURLY)),
)


@dataclass
class OddCalls:
    """Rows of the three logs, and what they truly are."""

    usage: list[dict] = field(default_factory=list)
    log: list[dict] = field(default_factory=list)
    tracking: list[dict] = field(default_factory=list)
    truth: Truth = field(default_factory=Truth)

    def frames(self) -> dict[str, pl.DataFrame]:
        """The rows by table."""
        rows = {USAGE: self.usage, LOG: self.log, HOURLY: self.tracking}
        return {table: _frame(records) for table, records in rows.items() if records}


def _frame(records: list[dict]) -> pl.DataFrame:
    frame = pl.DataFrame(records, infer_schema_length=None)
    return frame.with_columns(pl.col("created_at").cast(pl.Datetime("us")))


def odd_kinds(shape: Shape) -> list[OddKind]:
    """The kinds that the shape's tables can hold; without `api_usage`, every call is in the other log."""
    kinds = [kind for kind in ODD_KINDS if shape.has_tracking or kind.where != HOURLY]
    if shape.has_usage:
        return kinds
    return [kind for kind in kinds if kind.where == HOURLY or kind.lead != ABSENT]


def odd_call_count(shape: Shape, planted: int) -> int:
    """How many true calls `odd_calls` makes."""
    return planted * sum(REQUESTS_PER_HOURLY_ROW if kind.where == HOURLY else 1 for kind in odd_kinds(shape))


def odd_calls(rng: np.random.Generator, shape: Shape, leads: pl.DataFrame, until: int, planted: int) -> OddCalls:
    """`planted` calls of each kind, of campaigns and leads drawn from `leads` (id, campaign_id)."""
    made = OddCalls()
    unlisted: dict[str, str] = {}
    kinds = [kind for kind in odd_kinds(shape) for _ in range(planted)]
    for number, kind in enumerate(kinds):
        lead_id, campaign_id = leads.row(int(rng.integers(0, len(leads))))
        record = {
            "campaign_id": {KEPT: campaign_id, ABSENT: _uuid(rng), NOBODY: None}[kind.campaign],
            "business_id": _uuid(rng) if kind.lead == ABSENT else lead_id,
        }
        at = _moment(kind, number, until)
        if kind.where == HOURLY:
            requests, tables = REQUESTS_PER_HOURLY_ROW, {HOURLY: _hourly(rng, made, kind, record, at)}
        else:
            requests, tables = 1, _logged(rng, shape, made, kind, record, at)
        _note(kind, tables, made.truth.defects)
        service = _canonical(kind.service)
        if kind.endpoint and (service, kind.endpoint) not in CALL_KINDS:
            name, counted = f"{service} {kind.endpoint.rpartition('/')[2]}", next(iter(tables))
            unlisted[name] = min(unlisted.get(name, counted), counted)
        made.truth.calls[service] += requests
        made.truth.call_cost[service] += requests * (kind.cost or 0)
        if shape.has_tracking and kind.campaign == ABSENT and kind.where == BOTH:
            # An hourly row beside its call: it must not count, and is an orphan all the same.
            made.truth.defects.add("orphan_api_call", HOURLY, [_hourly(rng, made, kind, record, at)])
    for name, table in unlisted.items():
        made.truth.defects.add("unknown_endpoint", table, [name])
    return made


def _uuid(rng: np.random.Generator) -> str:
    return str(UUID(bytes=rng.bytes(16), version=4))


def _moment(kind: OddKind, number: int, until: int) -> int:
    """Hourly rows in the hours 1 and 2 UTC, calls two minutes apart from hour 4 on: business begins much later."""
    midnight = until // DAY * DAY + (FUTURE if kind.is_future else -(3 + number % _NIGHTS) * DAY)
    if kind.is_future:
        return midnight + (number % 20_000) * HOUR
    turn = number // _NIGHTS
    return midnight + ((1 + turn % 2) * HOUR if kind.where == HOURLY else 4 * HOUR + turn * 2 * MINUTE)


def _logged(rng, shape: Shape, made: OddCalls, kind: OddKind, record: dict, at: int) -> dict[str, str]:
    """Write the call into the logs of its kind. Returns the record ids by table."""
    tables = {}
    cost = None if kind.cost is None else kind.cost / USD
    if shape.has_usage and kind.where in (BOTH, USAGE):
        tables[USAGE] = _uuid(rng)
        made.usage.append(
            {
                "id": tables[USAGE],
                **record,
                "service": kind.service,
                "endpoint": kind.endpoint,
                "method": "GET",
                "cost": cost,
                "success": True,
                "response_time": 300,
                "http_status_code": 200,
                "created_at": at,
            }
        )
    if kind.where in (BOTH, LOG) or not shape.has_usage:
        tables[LOG] = _uuid(rng)
        made.log.append(
            {
                "id": tables[LOG],
                "campaign_id": record["campaign_id"],
                "api_service": kind.service,
                "endpoint": kind.endpoint,
                "request_cost": cost,
                "response_status": 200,
                "processing_time_ms": 300,
                "created_at": at + SECOND,
            }
        )
    return tables


def _hourly(rng, made: OddCalls, kind: OddKind, record: dict, at: int) -> str:
    """Write an hourly row. Returns its id."""
    record_id = _uuid(rng)
    cost = None if kind.cost is None else kind.cost / USD
    made.tracking.append(
        {
            "id": record_id,
            **record,
            "api_service": kind.service,
            "endpoint": kind.endpoint,
            "request_count": REQUESTS_PER_HOURLY_ROW,
            "cost_per_request": cost,
            "total_cost": None if cost is None else kind.cost * REQUESTS_PER_HOURLY_ROW / USD,
            "success_count": REQUESTS_PER_HOURLY_ROW,
            "error_count": 0,
            "avg_response_time_ms": 300,
            "date": str(np.datetime64(at // DAY, "D")),
            "hour": at % DAY // HOUR,
            "created_at": at // HOUR * HOUR + HOUR,
        }
    )
    return record_id


def _note(kind: OddKind, tables: dict[str, str], defects: Defects) -> None:
    """Note what is wrong with the records, and with the one that counts: api_usage's, if it has one."""
    is_known = kind.service in SERVICES
    for table, record_id in tables.items():
        faults = {
            "orphan_api_call": kind.campaign != KEPT or (kind.lead == ABSENT and table != LOG),
            "unknown_service": not is_known,
            "missing_cost": kind.cost is None,
            "negative_cost": kind.cost is not None and kind.cost < 0,
            "future_timestamp": kind.is_future,
        }
        for issue_type in (name for name, holds in faults.items() if holds):
            defects.add(issue_type, table, [record_id])
    counted = next(iter(tables))
    if kind.campaign == ABSENT or (kind.campaign == NOBODY and counted == LOG):
        defects.add("deleted_campaign_spend", counted, [tables[counted]])
    if kind.cost is None and (kind.service, kind.endpoint) not in CALL_KINDS:
        defects.add("unpriced_call", counted, [tables[counted]])


def _canonical(service: str | None) -> str:
    """The name under which an unknown service is counted."""
    return service.lower().translate(str.maketrans(" .-/", "____")) if service else "unknown"
