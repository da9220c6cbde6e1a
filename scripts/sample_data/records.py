"""What the application writes down about its API calls: the two logs and the recorded hourly rows."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from .api_calls import ERRORS, NO_LEAD, NO_STATUS
from .defects import Defects, Draw, overwrite
from .reference import CALL_KINDS, SERVICES, endpoint_spellings, service_spellings
from .shapes import Shape
from .values import HOUR, MINUTE, SECOND, choose, dates, null_where, pick, take, times, usd, uuids, whole

MISSING_FROM_ONE_LOG = 0.03  # of all calls, for either log
LONGEST_LAG = 1_900_000  # a log row is written at most this many microseconds after its call
TRACKED_SHARE = 0.9  # of the hours that the logs cover too
CAMPAIGNS_PER_LOGGING_GAP = 8
RARE_SPELLING = 0.01
HOURLY_LIMIT = (1000, 2000, 500, 1000, 5000)  # requests per hour, by position in SERVICES

_REQUESTS = (
    '{"query": "local businesses", "radius": 25000}',
    '{"fields": "name,phone,website"}',
    '{"dynamic": false}',
    '{"limit": 10}',
    '{"format": "json"}',
    '{"address_info": 0}',
    '{"state": "TX"}',
    '{"limit": 10, "api_key": "fake-secret-request-1"}',
    '{"headers": {"Authorization": "Bearer fake-secret-request-2"}}',
)
_RESPONSES = (
    '{"status": "OK"}',
    '{"meta": {"results": 20}}',
    '{"status": "error"}',
    '{"status": "OK", "next_page_token": "fake-secret-response-1"}',
)


@dataclass(frozen=True)
class Spellings:
    """Every spelling in use, as one list, and per call kind which of them belong to it and how frequent each is."""

    names: list[str]
    of_kind: list[np.ndarray]
    weights: list[np.ndarray]

    def codes(self, rng: np.random.Generator, kinds: np.ndarray) -> np.ndarray:
        """A random spelling (position in `names`) for each call."""
        codes = np.zeros(len(kinds), dtype=np.int64)
        for kind, (own, weights) in enumerate(zip(self.of_kind, self.weights, strict=True)):
            rows = np.flatnonzero(kinds == kind)
            codes[rows] = own[pick(rng, len(own), len(rows), weights)]
        return codes


def _spellings(lists: list[list[str]], rare: list[str]) -> Spellings:
    """Of each list the first name is the most frequent; `rare` has one more name for each list."""
    names = [[*own, rare_name] for own, rare_name in zip(lists, rare, strict=True)]
    ends = np.cumsum([len(own) for own in names])
    return Spellings(
        names=sum(names, []),
        of_kind=[np.arange(end - len(own), end) for own, end in zip(names, ends, strict=True)],
        weights=[np.r_[2.0 * len(own), np.ones(len(own) - 1), RARE_SPELLING * len(own)] for own in lists],
    )


def spellings_of_services() -> Spellings:
    """Service names, by call kind."""
    known = service_spellings()
    return _spellings(
        [known[service] for service, _ in CALL_KINDS], [known[service][0].upper() for service, _ in CALL_KINDS]
    )


def spellings_of_endpoints() -> Spellings:
    """Endpoint names, by call kind; the rare ones carry a key in their query string."""
    known = endpoint_spellings()
    return _spellings(
        [known[kind] for kind in CALL_KINDS], [f"{known[kind][-1]}?api_key=fake-secret-endpoint" for kind in CALL_KINDS]
    )


@dataclass(frozen=True)
class Written:
    """Rows of `api_usage`, `api_usage_log` and `api_cost_tracking`."""

    usage: pl.DataFrame
    log: pl.DataFrame
    tracking: pl.DataFrame


class Recorder:
    """Writes the records of one chunk's calls, as the shape has them, and plants the defects of ordinary calls."""

    def __init__(
        self, rng: np.random.Generator, shape: Shape, campaigns: pl.DataFrame, until: int, planted: int
    ) -> None:
        """`campaigns`: those of the chunk, by row number; `planted`: records to spoil, for each kind of defect."""
        self._rng, self._shape, self._campaigns = rng, shape, campaigns
        self._until, self._planted = until, planted
        self._services, self._endpoints = spellings_of_services(), spellings_of_endpoints()
        self.defects = Defects()

    def write(self, calls: pl.DataFrame, lead_ids: pl.Series) -> Written:
        """Records of these calls, which must be in order of time."""
        rng = self._rng
        calls = self._decide_where_recorded(calls)
        calls = calls.with_columns(
            service=self._services.codes(rng, calls["kind"].to_numpy()),
            endpoint=self._endpoints.codes(rng, calls["kind"].to_numpy()),
            remaining=_rate_limit_remaining(calls),
        )
        calls = self._drop_costs(calls)
        return Written(
            usage=self._usage(calls.filter("in_usage"), lead_ids) if self._shape.has_usage else pl.DataFrame(),
            log=self._log(calls.filter("in_log")),
            tracking=self._tracking(calls) if self._shape.has_tracking else pl.DataFrame(),
        )

    def _decide_where_recorded(self, calls: pl.DataFrame) -> pl.DataFrame:
        """Add in_usage, in_log, log_at and is_deleted; a call in neither log is in the hourly rows only."""
        rng, count = self._rng, len(calls)
        campaign, at = calls["campaign"].to_numpy(), calls["at"].to_numpy()
        deleted = self._campaigns["is_deleted"].to_numpy()[campaign]
        log_at = at + (rng.exponential(0.3, count) * SECOND).astype(np.int64).clip(max=LONGEST_LAG)
        fate = rng.random(count)
        # The rows of a deleted campaign are gone from api_usage by cascade and stay in the log.
        in_usage = (fate >= MISSING_FROM_ONE_LOG) & ~deleted & self._shape.has_usage
        in_log = (fate < 1 - MISSING_FROM_ONE_LOG) | ~in_usage

        gaps = self._logging_gaps(campaign, at, ~deleted) if self._shape.has_tracking else np.zeros(0, np.int64)
        in_gap = np.isin(_hour_key(campaign, at), gaps)
        # A log row that would fall into the gap that follows is written before it, so that the gap stays empty.
        spills = ~in_gap & np.isin(_hour_key(campaign, log_at), gaps)
        log_at = np.where(spills, at // HOUR * HOUR + HOUR - 1, log_at)
        return calls.with_columns(
            is_deleted=deleted, in_usage=in_usage & ~in_gap, in_log=in_log & ~in_gap, log_at=log_at
        )

    def _logging_gaps(self, campaign: np.ndarray, at: np.ndarray, eligible: np.ndarray) -> np.ndarray:
        """Hours of campaigns in which neither log was written."""
        count = max(1, len(self._campaigns) // CAMPAIGNS_PER_LOGGING_GAP)
        chosen = self._rng.choice(np.flatnonzero(eligible), count)
        return _hour_key(campaign[chosen], at[chosen])

    def _drop_costs(self, calls: pl.DataFrame) -> pl.DataFrame:
        """Add usage_unknown and log_unknown: records whose cost was not written; the list price is what it was."""
        charged = calls["success"].to_numpy() & ~calls["is_deleted"].to_numpy() & calls["in_log"].to_numpy()
        if self._shape.has_usage:
            charged &= calls["in_usage"].to_numpy()
        draw = Draw(self._rng, charged)
        usage, log = np.zeros(len(calls), dtype=bool), np.zeros(len(calls), dtype=bool)
        usage[draw.take(self._planted)] = True
        log[draw.take(self._planted)] = True
        both = draw.take(self._planted)
        usage[both] = log[both] = True
        return calls.with_columns(usage_unknown=usage, log_unknown=log)

    def _usage(self, calls: pl.DataFrame, lead_ids: pl.Series) -> pl.DataFrame:
        rng, count = self._rng, len(calls)
        campaign, lead = calls["campaign"].to_numpy(), calls["lead"].to_numpy()
        status, success = calls["status"].to_numpy(), calls["success"]
        frame = pl.DataFrame(
            {
                "id": uuids(rng, count),
                "user_id": take(self._campaigns["user_id"], np.where(rng.random(count) < 0.03, -1, campaign)),
                "campaign_id": self._campaigns["id"].gather(campaign),
                "business_id": take(lead_ids, np.where(lead == NO_LEAD, -1, lead)),
                "service": take(self._services.names, calls["service"]),
                "endpoint": take(self._endpoints.names, calls["endpoint"]),
                "method": choose(rng, ("GET", "POST"), count, (9, 1)),
                "cost": usd(calls["cost"], calls["usage_unknown"]),
                "success": null_where(rng.random(count) < 0.002, success),
                "response_time": calls["response_ms"],
                "request_params": self._requests(calls),
                "response_data": self._responses(calls),
                "error_message": take([message for *_, message in ERRORS], calls["error"]),
                "http_status_code": whole(status, status == NO_STATUS),
                "rate_limit_remaining": calls["remaining"],
                "rate_limit_reset": times(calls["at"].to_numpy() // HOUR * HOUR + HOUR),
                "created_at": times(calls["at"]),
            }
        )
        self.defects.add("missing_cost", "api_usage", frame.filter(calls["usage_unknown"])["id"])
        return frame

    def _log(self, calls: pl.DataFrame) -> pl.DataFrame:
        rng, count = self._rng, len(calls)
        campaign, deleted = calls["campaign"].to_numpy(), calls["is_deleted"].to_numpy()
        status = calls["status"].to_numpy()
        frame = pl.DataFrame(
            {
                "id": uuids(rng, count),
                "campaign_id": take(self._campaigns["id"], np.where(deleted, -1, campaign)),
                "api_service": take(self._services.names, calls["service"]),
                "endpoint": take(self._endpoints.names, calls["endpoint"]),
                "request_cost": usd(calls["cost"], calls["log_unknown"]),
                "response_status": whole(status, status == NO_STATUS),
                "credits_used": calls["success"].cast(pl.Int64),
                "processing_time_ms": calls["response_ms"],
                "request_data": self._requests(calls),
                "response_data": self._responses(calls),
                "created_at": times(calls["log_at"]),
            }
        )
        self.defects.add("missing_cost", "api_usage_log", frame.filter(calls["log_unknown"])["id"])
        of_deleted = frame.filter(calls["is_deleted"])["id"]
        self.defects.add("orphan_api_call", "api_usage_log", of_deleted)
        self.defects.add("deleted_campaign_spend", "api_usage_log", of_deleted)
        return frame.sort("created_at")

    def _requests(self, calls: pl.DataFrame) -> pl.Series:
        chance = self._rng.random(len(calls))
        secret = len(CALL_KINDS) + self._rng.integers(0, 2, len(calls))
        return take(_REQUESTS, np.where(chance < 0.003, secret, np.where(chance < 0.3, calls["kind"].to_numpy(), -1)))

    def _responses(self, calls: pl.DataFrame) -> pl.Series:
        chance = self._rng.random(len(calls))
        usual = np.where(calls["success"].to_numpy(), self._rng.integers(0, 2, len(calls)), 2)
        return take(_RESPONSES, np.where(chance < 0.002, 3, np.where(chance < 0.3, usual, -1)))

    def _tracking(self, calls: pl.DataFrame) -> pl.DataFrame:
        """Hourly rows: for most hours of the logs, which must not count, and for the hours of the gaps, which do."""
        rng = self._rng
        hours = (
            calls.filter(~pl.col("is_deleted"))
            .with_columns(hour=pl.when("in_usage").then("at").when("in_log").then("log_at").otherwise("at") // HOUR)
            .group_by("campaign", "kind", "hour", maintain_order=True)
            .agg(
                pl.col("service", "endpoint", "remaining").last(),
                (pl.col("in_usage") | pl.col("in_log")).any().alias("logged"),
                pl.len().alias("requests"),
                pl.col("success").sum().alias("successes"),
                pl.col("cost").sum(),
                pl.col("response_ms").mean().round().cast(pl.Int64),
            )
        )
        hours = hours.filter(~pl.col("logged") | pl.Series(rng.random(len(hours)) < TRACKED_SHARE))
        count = len(hours)
        requests, flawless = hours["requests"].to_numpy(), (hours["requests"] == hours["successes"]).to_numpy()
        cost, hour = hours["cost"].to_numpy(), hours["hour"].to_numpy()
        frame = pl.DataFrame(
            {
                "id": uuids(rng, count),
                "campaign_id": self._campaigns["id"].gather(hours["campaign"]),
                "business_id": pl.Series([None] * count, dtype=pl.String),
                "api_service": take(self._services.names, hours["service"]),
                "endpoint": take(self._endpoints.names, hours["endpoint"]),
                "request_count": hours["requests"],
                "cost_per_request": usd(cost // requests),
                # Where no call failed, the cost per request alone says the same.
                "total_cost": usd(cost, flawless & (rng.random(count) < 0.1)),
                "success_count": hours["successes"],
                "error_count": requests - hours["successes"].to_numpy(),
                "avg_response_time_ms": hours["response_ms"],
                "rate_limit_remaining": hours["remaining"],
                "date": dates(hour * HOUR),
                "hour": hour % 24,
                "created_at": times(np.minimum(hour * HOUR + HOUR + rng.integers(0, 10 * MINUTE, count), self._until)),
            }
        )
        logged = hours["logged"].to_numpy()
        unknown = np.r_[
            Draw(rng, flawless & logged).take(self._planted), Draw(rng, flawless & ~logged).take(self._planted)
        ]
        frame = overwrite(overwrite(frame, "total_cost", unknown, [None]), "cost_per_request", unknown, [None])
        self.defects.add("missing_cost", "api_cost_tracking", frame["id"].gather(unknown))
        return frame


def _hour_key(campaign: np.ndarray, at: np.ndarray) -> np.ndarray:
    """One number for a campaign's hour."""
    return campaign * 10_000_000 + at // HOUR


def _rate_limit_remaining(calls: pl.DataFrame) -> pl.Series:
    """The service's hourly limit, counted down by each call of the hour."""
    service = np.array([SERVICES.index(name) for name, _ in CALL_KINDS])[calls["kind"].to_numpy()]
    used = calls.select(pl.int_range(1, pl.len() + 1).over(pl.Series(service), pl.col("at") // HOUR)).to_series()
    return (pl.Series(np.array(HOURLY_LIMIT)[service]) - used).clip(lower_bound=0)
