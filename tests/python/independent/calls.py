"""The three call logs, the pairing of two of them, and the calls that count.

Times are microseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TypeVar

from .reference import HOUR, Reference
from .source import Row, Source, microseconds

Key = tuple[str | None, str, str | None]
T = TypeVar("T")

BLOCK_TOLERANCES = 120
"""Length of a block of the pairing, in tolerances."""


@dataclass(frozen=True)
class CallRecord:
    """One record of a log: one call, or in api_cost_tracking the calls of an hour."""

    source_table: str
    id: str | None
    campaign_id: str | None
    business_id: str | None
    user_id: str | None
    service_spelling: str | None
    service: str
    endpoint: str | None
    created_at: int | None
    """As recorded; None where it is missing or infinite."""
    at: int
    """When it counts: `created_at`, 1970-01-01 without one, the start of the hour for hourly records."""
    date: date
    recorded_cost: Decimal | None
    cost: Decimal | None
    """The recorded cost, else the list price; None without either. USD."""
    request_count: int
    success_count: int
    error_count: int
    response_time: int | None
    """Milliseconds; the mean for hourly records."""
    http_status: int | None
    rate_limit_remaining: int | None
    credits_used: int | None
    error_message: str | None

    @property
    def key(self) -> Key:
        return self.campaign_id, self.service, self.endpoint

    @property
    def is_single(self) -> bool:
        return self.source_table != "api_cost_tracking"

    is_cost_estimated: bool
    list_cost: Decimal | None
    """At the list price. USD."""
    credit_price: Decimal | None
    """USD, where the list price is per credit."""


@dataclass(frozen=True)
class Calls:
    """Every record of the three logs, and what counts of them."""

    usage: list[CallRecord]
    log: list[CallRecord]
    tracking: list[CallRecord]
    pairs: list[tuple[CallRecord, CallRecord]]
    """(api_usage record, api_usage_log record) of one call."""
    log_only: list[CallRecord]
    tracking_only: list[CallRecord]
    counted: list[CallRecord]
    """One record per call; a paired call is its usage record with the log's credits."""

    @property
    def records(self) -> list[CallRecord]:
        return self.usage + self.log + self.tracking


def pair_times(usage: Sequence[int], log: Sequence[int], tolerance: int) -> list[tuple[int, int]]:
    """Pair the two logs of one key: positions (in usage, in log) of the two records of one call.

    Both sequences are in ascending order. Each position is used once at most, and paired times are at most `tolerance`
    apart. First within blocks of 120 tolerances, then across each border, as DECISIONS.md, "Which log wins", has it.
    """
    width = BLOCK_TOLERANCES * tolerance
    usage_blocks, log_blocks = _positions_by(usage, width), _positions_by(log, width)
    pairs = []
    for block in usage_blocks.keys() & log_blocks.keys():
        pairs += _first_with_first(usage, usage_blocks[block], log, log_blocks[block], tolerance)

    paired_usage, paired_log = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    for block in usage_blocks.keys() | log_blocks.keys():
        for border in (block * width, (block + 1) * width):
            usage_left = _unpaired_near(usage, border, tolerance, paired_usage)
            log_left = _unpaired_near(log, border, tolerance, paired_log)
            across = _first_with_first(usage, usage_left, log, log_left, tolerance)
            pairs += across
            paired_usage |= {pair[0] for pair in across}
            paired_log |= {pair[1] for pair in across}
    return sorted(pairs)


def _positions_by(times: Sequence[int], width: int) -> dict[int, list[int]]:
    blocks: dict[int, list[int]] = {}
    for position, time in enumerate(times):
        blocks.setdefault(time // width, []).append(position)
    return blocks


def _unpaired_near(times: Sequence[int], border: int, tolerance: int, paired: set[int]) -> list[int]:
    first, last = bisect_left(times, border - tolerance), bisect_right(times, border + tolerance)
    return [position for position in range(first, last) if position not in paired]


def _first_with_first(
    usage: Sequence[int], usage_positions: list[int], log: Sequence[int], log_positions: list[int], tolerance: int
) -> list[tuple[int, int]]:
    pairs = []
    waiting = deque(log_positions)
    for position in usage_positions:
        while waiting and log[waiting[0]] < usage[position] - tolerance:
            waiting.popleft()
        if waiting and log[waiting[0]] <= usage[position] + tolerance:
            pairs.append((position, waiting.popleft()))
    return pairs


def maximum_matching_size(usage: Sequence[int], log: Sequence[int], tolerance: int) -> int:
    """The most pairs that any one-to-one pairing within the tolerance could have: a yardstick, by two pointers.

    Both sequences are in ascending order.
    """
    size = position = other = 0
    while position < len(usage) and other < len(log):
        if abs(usage[position] - log[other]) <= tolerance:
            size += 1
            position += 1
            other += 1
        elif usage[position] < log[other]:
            position += 1
        else:
            other += 1
    return size


def maximum_pairs(calls: Calls, tolerance: int) -> int:
    """`maximum_matching_size` summed over every campaign, service and endpoint."""
    usage, log = _by_key(calls.usage), _by_key(calls.log)
    return sum(
        maximum_matching_size([row.at for row in usage[key]], [row.at for row in log[key]], tolerance)
        for key in usage.keys() & log.keys()
    )


def read_calls(source: Source, reference: Reference) -> Calls:
    """Type, price and pair the logs, and tell which records count."""
    usage = [_usage_record(row, reference) for row in source.rows["api_usage"]]
    log = [_log_record(row, reference) for row in source.rows["api_usage_log"]]
    tracking = [_tracking_record(row, reference) for row in source.rows["api_cost_tracking"]]

    pairs = _pair(usage, log, reference.seconds("api_log_match_tolerance_seconds"))
    partner = {pair_usage.id: pair_log for pair_usage, pair_log in pairs}
    paired_log = {pair_log.id for _, pair_log in pairs}
    log_only = [record for record in log if record.id not in paired_log]

    # Hourly records are hours in UTC, whatever the reporting time zone is.
    seen = {(record.key, record.at // HOUR) for record in usage + log}
    tracking_only = [
        record
        for record in tracking
        if (record.key, record.at // HOUR) not in seen
        and not reference.is_repeating(record.source_table, record.endpoint)
    ]

    calls = [_with_credits(record, partner[record.id]) if record.id in partner else record for record in usage]
    return Calls(usage, log, tracking, pairs, log_only, tracking_only, calls + log_only + tracking_only)


def _with_credits(usage: CallRecord, log: CallRecord) -> CallRecord:
    """A paired call: the usage record, with the log's credits, and priced by them where it has no cost."""
    call = replace(usage, credits_used=log.credits_used)
    if usage.credit_price is None or log.credits_used is None:
        return call
    cost = usage.credit_price * log.credits_used
    if usage.cost:
        return replace(call, list_cost=_first_known(usage.list_cost, cost))
    return replace(call, cost=cost, list_cost=_first_known(usage.list_cost, cost), is_cost_estimated=True)


def _prices(recorded: Decimal | None, price: Decimal | None, is_per_credit: bool, requests: int, credits: int | None):
    """The fields of a record that follow from its price."""
    units = credits if is_per_credit else requests
    list_cost = None if price is None or units is None else price * units
    is_estimated = list_cost is not None and (recorded is None or (recorded == 0 and is_per_credit))
    return {
        "recorded_cost": recorded,
        "cost": list_cost if is_estimated else recorded,
        "is_cost_estimated": is_estimated,
        "list_cost": list_cost,
        "credit_price": price if is_per_credit else None,
    }


def _by_key(records: Iterable[CallRecord]) -> defaultdict[Key, list[CallRecord]]:
    """Records of each key, in order of time, then id."""
    groups: defaultdict[Key, list[CallRecord]] = defaultdict(list)
    for record in records:
        groups[record.key].append(record)
    for group in groups.values():
        group.sort(key=lambda record: (record.at, record.id))
    return groups


def _pair(usage: list[CallRecord], log: list[CallRecord], tolerance: int) -> list[tuple[CallRecord, CallRecord]]:
    usage_by_key, log_by_key = _by_key(usage), _by_key(log)
    pairs = []
    for key in usage_by_key.keys() & log_by_key.keys():
        usage_rows, log_rows = usage_by_key[key], log_by_key[key]
        positions = pair_times([row.at for row in usage_rows], [row.at for row in log_rows], tolerance)
        pairs += [(usage_rows[first], log_rows[second]) for first, second in positions]
    return pairs


def _first_known(*values: T | None) -> T | None:
    return next((value for value in values if value is not None), None)


def _is_success(recorded: bool | None, http_status: int | None) -> bool | None:
    if recorded is not None:
        return recorded
    return None if http_status is None else 100 <= http_status < 400


def _usage_record(row: Row, reference: Reference) -> CallRecord:
    return _single_record(
        row,
        reference,
        source_table="api_usage",
        spelling=row["service"],
        cost=row["cost"],
        success=_is_success(row["success"], row["http_status_code"]),
        response_time=row["response_time"],
        http_status=row["http_status_code"],
    )


def _log_record(row: Row, reference: Reference) -> CallRecord:
    return _single_record(
        row,
        reference,
        source_table="api_usage_log",
        spelling=row["api_service"],
        cost=row["request_cost"],
        success=_is_success(None, row["response_status"]),
        response_time=row["processing_time_ms"],
        http_status=row["response_status"],
    )


def _single_record(
    row: Row,
    reference: Reference,
    *,
    source_table: str,
    spelling: str | None,
    cost: Decimal | None,
    success: bool | None,
    response_time: int | None,
    http_status: int | None,
) -> CallRecord:
    service = reference.canonical_service(spelling)
    endpoint = reference.canonical_endpoint(service, row["endpoint"])
    at = row["created_at"] or 0
    day = reference.clock.date_of(at)
    return CallRecord(
        source_table=source_table,
        id=row["id"],
        campaign_id=row["campaign_id"],
        business_id=row.get("business_id"),
        user_id=row.get("user_id"),
        service_spelling=spelling,
        service=service,
        endpoint=endpoint,
        created_at=row["created_at"],
        at=at,
        date=day,
        **_prices(cost, *reference.list_price(service, endpoint, day), 1, row.get("credits_used")),
        request_count=1,
        success_count=int(success is True),
        error_count=int(success is False),
        response_time=response_time,
        http_status=http_status,
        rate_limit_remaining=row.get("rate_limit_remaining"),
        credits_used=row.get("credits_used"),
        error_message=row.get("error_message"),
    )


def _tracking_record(row: Row, reference: Reference) -> CallRecord:
    service = reference.canonical_service(row["api_service"])
    endpoint = reference.canonical_endpoint(service, row["endpoint"])
    at = _recorded_hour(row)
    day = reference.clock.date_of(at)
    count = 1 if row["request_count"] is None else row["request_count"]
    price = row["cost_per_request"]
    cost = _first_known(row["total_cost"], None if price is None else count * price)
    return CallRecord(
        source_table="api_cost_tracking",
        id=row["id"],
        campaign_id=row["campaign_id"],
        business_id=row["business_id"],
        user_id=None,
        service_spelling=row["api_service"],
        service=service,
        endpoint=endpoint,
        created_at=row["created_at"],
        at=at,
        date=day,
        **_prices(cost, *reference.list_price(service, endpoint, day), count, None),
        request_count=count,
        success_count=row["success_count"] or 0,
        error_count=row["error_count"] or 0,
        response_time=row["avg_response_time_ms"],
        http_status=None,
        rate_limit_remaining=row["rate_limit_remaining"],
        credits_used=None,
        error_message=None,
    )


def _recorded_hour(row: Row) -> int:
    """Start of the hour of an hourly record: its date and hour in UTC, else the hour it was created in."""
    day, hour = row["date"], row["hour"]
    if day is not None and hour is not None and 0 <= hour <= 23:
        return microseconds(datetime(day.year, day.month, day.day, hour, tzinfo=timezone.utc))
    created_at = row["created_at"] or 0
    return created_at - created_at % HOUR


def user_of(record: CallRecord, campaign_users: dict[str, str | None]) -> str | None:
    """Whose spend a call is: its own user's, else its campaign's."""
    return record.user_id or campaign_users.get(record.campaign_id)
