"""Plan of the campaigns: who runs them, when, in which bursts and batches of leads."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from .values import DAY, HOUR, MINUTE, SECOND, take, uuids

CALLS_PER_CAMPAIGN = 750
CALLS_PER_LEAD = 4.8
LEADS_PER_BATCH = 19  # what one text search finds, on average
BATCHES_PER_BURST = 12  # at most
LONGEST_BATCH = 300 * SECOND  # an upper bound: gaps and retries are clipped to stay below it
PERIOD = 90 * DAY
OPENING, CLOSING = 13 * HOUR, 23 * HOUR  # business hours in UTC, 09:00 to 19:00 in New York
BUSINESS_DAY = CLOSING - OPENING

BUSINESS_TYPES = (
    "plumber",
    "dentist",
    "restaurant",
    "law firm",
    "auto repair",
    "hair salon",
    "roofing contractor",
    "gym",
)
CITIES = (
    ("Austin, TX", "512", 30.2672, -97.7431),
    ("Denver, CO", "303", 39.7392, -104.9903),
    ("Columbus, OH", "614", 39.9612, -82.9988),
    ("Portland, OR", "503", 45.5152, -122.6784),
    ("Tampa, FL", "813", 27.9506, -82.4572),
    ("Boise, ID", "208", 43.6150, -116.2023),
    ("Raleigh, NC", "919", 35.7796, -78.6382),
    ("Tucson, AZ", "520", 32.2226, -110.9747),
)
THRESHOLDS = (60, 65, 70, 75, 80)
NO_THRESHOLD = -1
DEFAULT_THRESHOLD = 80


@dataclass(frozen=True)
class Size:
    """How much of everything there is; all of it follows from the number of true calls."""

    api_calls: int

    @property
    def campaigns(self) -> int:
        return max(12, round(self.api_calls / CALLS_PER_CAMPAIGN))

    @property
    def deleted_campaigns(self) -> int:
        return min(10, max(2, self.campaigns // 40))

    @property
    def leads(self) -> int:
        return round(self.api_calls / CALLS_PER_LEAD)

    @property
    def batches(self) -> int:
        return max(-(-self.leads // LEADS_PER_BATCH), self.campaigns + self.deleted_campaigns)

    @property
    def users(self) -> int:
        return max(6, self.campaigns // 8)

    @property
    def planted(self) -> int:
        """How many records of each planted kind of defect there are."""
        return max(3, min(100, self.api_calls // 10_000))


@dataclass(frozen=True)
class Plan:
    """Campaigns in order of their start, the batches in which they search, and the users' ids.

    `campaigns` has id, user, user_id, business_type, city, threshold, status, is_deleted, started, ended;
    `batches` has campaign (row of `campaigns`), burst_start, position (in its burst), is_last (of its campaign).
    """

    until: int
    campaigns: pl.DataFrame
    batches: pl.DataFrame
    user_ids: pl.Series


def plan_campaigns(rng: np.random.Generator, size: Size, until: int) -> Plan:
    """Plan every campaign so that it lies within business hours of the period that ends at `until`.

    The few that are still running then are at work at that hour, whatever day it is.
    """
    count = size.campaigns + size.deleted_campaigns
    deleted = np.zeros(count, dtype=bool)
    deleted[rng.choice(count // 2, size.deleted_campaigns, replace=False)] = True
    batch_campaign = _batches_per_campaign(rng, size.batches, deleted)
    batches, bursts = _bursts(rng, batch_campaign)
    bursts = _schedule(rng, bursts, count, until)
    batches = batches.with_columns(burst_start=bursts["start"].gather(batches["burst"]))

    spans = bursts.group_by("campaign").agg(pl.col("start").min(), pl.col("end").max()).sort("campaign")
    user_ids = uuids(rng, size.users)
    # The first users run more campaigns than the last; one more user, beyond these, has settings and no campaign.
    user = np.minimum(rng.geometric(2 / size.users, count) - 1, size.users - 2)
    started = spans["start"].to_numpy() - rng.integers(2 * MINUTE, 30 * MINUTE, count)
    campaigns = pl.DataFrame(
        {
            "id": uuids(rng, count),
            "user": user,
            "user_id": take(user_ids, user),
            "business_type": rng.integers(0, len(BUSINESS_TYPES), count),
            "city": rng.integers(0, len(CITIES), count),
            "threshold": np.where(rng.random(count) < 0.06, NO_THRESHOLD, rng.choice(THRESHOLDS, count)),
            "status": _statuses(rng, spans["end"].to_numpy(), until),
            "is_deleted": deleted,
            "started": started,
            "ended": spans["end"],
        }
    )
    return Plan(until, campaigns, batches, user_ids)


def _batches_per_campaign(rng: np.random.Generator, batches: int, deleted: np.ndarray) -> np.ndarray:
    """The campaign of each batch, ascending; every campaign has at least one, deleted ones have few."""
    weights = np.where(deleted, 0.2, rng.lognormal(0, 0.6, len(deleted)).clip(0.2, 4))
    extra = rng.multinomial(batches - len(deleted), weights / weights.sum())
    return np.repeat(np.arange(len(deleted)), 1 + extra)


def _bursts(rng: np.random.Generator, campaign: np.ndarray) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut each campaign's batches into bursts. Returns the batches and the bursts (campaign, batches)."""
    first = np.diff(campaign, prepend=-1) > 0
    last = np.append(first[1:], True)
    starts = first | (rng.random(len(campaign)) < 0.25)
    # A burst that grows too long is cut: every 12th batch since the last cut starts a new one.
    since = np.arange(len(campaign)) - np.maximum.accumulate(np.where(starts, np.arange(len(campaign)), 0))
    starts |= since % BATCHES_PER_BURST == 0
    burst = np.cumsum(starts) - 1
    position = np.arange(len(campaign)) - np.flatnonzero(starts)[burst]
    batches = pl.DataFrame({"campaign": campaign, "burst": burst, "position": position, "is_last": last})
    bursts = pl.DataFrame({"campaign": campaign[starts], "batches": np.bincount(burst)})
    return batches, bursts


def _schedule(rng: np.random.Generator, bursts: pl.DataFrame, count: int, until: int) -> pl.DataFrame:
    """Add start and end (upper bound) of each burst.

    Bursts are first laid on an axis of business time only, then moved to real days.
    """
    length = bursts["batches"].to_numpy() * LONGEST_BATCH + 3 * MINUTE
    campaign = bursts["campaign"].to_numpy()
    step = length + (rng.exponential(2.5 * HOUR, len(campaign)) + 0.5 * HOUR).astype(np.int64)
    total = np.cumsum(step) - step
    first = np.flatnonzero(np.diff(campaign, prepend=-1))
    offset = total - total[first][campaign]
    needed = np.zeros(count, dtype=np.int64)
    np.maximum.at(needed, campaign, offset + length)

    days = _business_days(until)
    elapsed_today = int(np.clip(until - days[-1] - OPENING, 0, BUSINESS_DAY))
    axis = (len(days) - 1) * BUSINESS_DAY + elapsed_today
    # Sorted, so that campaigns come in order of time; the last few are still running at the end of the period.
    share = np.sort(rng.random(count))
    share[-_running(count) :] = 1
    campaign_start = (share * np.maximum(axis - needed, 0)).astype(np.int64)
    business_time = np.minimum(campaign_start[campaign] + offset, axis - 1)
    start = days[business_time // BUSINESS_DAY] + OPENING + business_time % BUSINESS_DAY

    is_last = np.append(np.diff(campaign) > 0, True)
    latest = until - MINUTE - length
    runs_now = is_last & (campaign >= count - _running(count))
    start = np.where(runs_now, np.maximum(start, latest), start)
    # The last burst of a business day may not have ended yet: its campaign then started that much earlier.
    late = np.zeros(count, dtype=np.int64)
    np.maximum.at(late, campaign, start - latest)
    start = start - late[campaign]
    return bursts.with_columns(start=pl.Series(start), end=pl.Series(start + length))


def _running(count: int) -> int:
    return max(2, count // 20)


def _business_days(until: int) -> np.ndarray:
    """Midnights (UTC) of the period's weekdays on which business has begun by `until`."""
    days = np.arange((until - PERIOD) // DAY, until // DAY + 1)
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    days = days[weekday < 5] * DAY
    return days[days + OPENING < until]


def _statuses(rng: np.random.Generator, ended: np.ndarray, until: int) -> pl.Series:
    """Current status names; the enhanced schema's are derived from them."""
    finished = rng.choice(["completed", "paused", "failed"], len(ended), p=[0.84, 0.1, 0.06])
    return pl.Series(np.where(ended > until - 2 * DAY, "active", finished))
