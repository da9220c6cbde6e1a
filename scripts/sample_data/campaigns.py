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
LONGEST_BURST = BATCHES_PER_BURST * LONGEST_BATCH + 3 * MINUTE
PERIOD = 90 * DAY
OPENING, CLOSING = 13 * HOUR, 23 * HOUR  # business hours in UTC, 09:00 to 19:00 in New York
BUSINESS_DAY = CLOSING - OPENING
# A burst that would go on after `until` is moved to end there. Those of the last minutes are left out for it, so that
# the end is as busy as any other hour.
LATEST_START = 4 * MINUTE
RECENTLY = 10 * MINUTE
FEWEST_AT_WORK = 2  # campaigns at the end of the data: in a small sample chance alone would give none

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
# How far the scores of a campaign's leads lie below those of a good one, campaign by campaign: from excellent to poor,
# and some whose leads cost more than they bring. In turn, so that a small sample has them all.
LACKING = (0, 25, 6, 12, 31, 0, 19, 3, 40, 9)
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

    `campaigns` has id, user, user_id, business_type, city, threshold, lacking (points of a lead's score), status,
    is_deleted, started, ended;
    `batches` has campaign (row of `campaigns`), burst_start, position (in its burst), is_last (of its campaign).
    """

    until: int
    campaigns: pl.DataFrame
    batches: pl.DataFrame
    user_ids: pl.Series


def plan_campaigns(rng: np.random.Generator, size: Size, until: int, at_work: int = FEWEST_AT_WORK) -> Plan:
    """Plan every campaign so that it lies within business hours of the period that ends at `until`.

    The hour before `until` is one of them, whatever day it is. At least `at_work` campaigns are at work in its last
    minutes: more than chance would give make a burst of activity.
    """
    count = size.campaigns + size.deleted_campaigns
    deleted = np.zeros(count, dtype=bool)
    deleted[rng.choice(count // 2, size.deleted_campaigns, replace=False)] = True
    batch_campaign = _batches_per_campaign(rng, size.batches, deleted)
    batches, bursts = _bursts(rng, batch_campaign)
    bursts = _schedule(rng, bursts, count, until, at_work)
    of_batch = bursts[batches["burst"]]
    batches = batches.with_columns(burst_start=of_batch["start"]).filter(of_batch["is_kept"])
    last_of_campaign = np.append(np.diff(batches["campaign"].to_numpy()) > 0, True)
    batches = batches.with_columns(is_last=last_of_campaign)
    bursts = bursts.filter("is_kept")

    spans = bursts.group_by("campaign").agg(pl.col("start").min(), pl.col("end").max()).sort("campaign")
    user_ids = uuids(rng, size.users)
    # The first users run more campaigns than the last; one more user, beyond these, has settings and no campaign.
    user = np.minimum(rng.geometric(2 / size.users, count) - 1, size.users - 2)
    # A burst that is moved to end at `until` still begins after its campaign.
    started = np.minimum(spans["start"], until - LONGEST_BURST) - rng.integers(2 * MINUTE, 30 * MINUTE, count)
    campaigns = pl.DataFrame(
        {
            "id": uuids(rng, count),
            "user": user,
            "user_id": take(user_ids, user),
            "business_type": rng.integers(0, len(BUSINESS_TYPES), count),
            "city": rng.integers(0, len(CITIES), count),
            "threshold": np.where(rng.random(count) < 0.06, NO_THRESHOLD, rng.choice(THRESHOLDS, count)),
            "lacking": np.resize(LACKING, count),
            "status": _statuses(rng, spans["end"].to_numpy(), until),
            "is_deleted": deleted,
            "started": started,
            "ended": spans["end"].clip(upper_bound=until),
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
    starts = first | (rng.random(len(campaign)) < 0.25)
    # A burst that grows too long is cut: every 12th batch since the last cut starts a new one.
    since = np.arange(len(campaign)) - np.maximum.accumulate(np.where(starts, np.arange(len(campaign)), 0))
    starts |= since % BATCHES_PER_BURST == 0
    burst = np.cumsum(starts) - 1
    position = np.arange(len(campaign)) - np.flatnonzero(starts)[burst]
    batches = pl.DataFrame({"campaign": campaign, "burst": burst, "position": position})
    bursts = pl.DataFrame({"campaign": campaign[starts], "batches": np.bincount(burst)})
    return batches, bursts


def _schedule(rng: np.random.Generator, bursts: pl.DataFrame, count: int, until: int, at_work: int) -> pl.DataFrame:
    """Add start and end (upper bound) of each burst, and is_kept: what a campaign would do after `until` is not.

    Bursts are first laid on an axis of business time only, then moved to real days.
    """
    length = bursts["batches"].to_numpy() * LONGEST_BATCH + 3 * MINUTE
    campaign = bursts["campaign"].to_numpy()
    step = length + (rng.exponential(2.5 * HOUR, len(campaign)) + 0.5 * HOUR).astype(np.int64)
    total = np.cumsum(step) - step
    is_first = np.diff(campaign, prepend=-1) > 0
    offset = total - total[is_first][campaign]

    opening, closing = _business_hours(until)
    passed = np.cumsum(closing - opening)  # business time at each closing
    latest = passed[-1] - LATEST_START
    # Sorted, so that campaigns come in order of time.
    campaign_start = (np.sort(rng.random(count)) * latest).astype(np.int64)
    business_time = campaign_start[campaign] + offset
    is_kept = business_time <= latest
    day = np.searchsorted(passed, business_time.clip(max=latest), side="right")
    start = closing[day] - (passed[day] - business_time.clip(max=latest))

    is_last = is_kept & np.append(is_first[1:] | ~is_kept[1:], True)
    recent = np.unique(campaign[is_kept & (start >= until - RECENTLY)])
    others = np.setdiff1d(np.arange(count), recent)
    called = others[len(others) - min(max(at_work - len(recent), 0), len(others)) :]
    start = np.where(is_last & np.isin(campaign, called), until - LATEST_START, start)
    return bursts.with_columns(start=pl.Series(start), end=pl.Series(start + length), is_kept=pl.Series(is_kept))


def _business_hours(until: int) -> tuple[np.ndarray, np.ndarray]:
    """Openings and closings (UTC) on the period's weekdays up to `until`; the last hour before it is business too."""
    days = np.arange((until - PERIOD) // DAY, until // DAY + 1)
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    opening = days[weekday < 5] * DAY + OPENING
    opening = opening[opening < until]
    closing = np.minimum(opening + BUSINESS_DAY, until)
    last = until - HOUR
    if closing[-1] < last:
        return np.append(opening, last), np.append(closing, until)
    opening[-1], closing[-1] = min(opening[-1], last), until
    return opening, closing


def _statuses(rng: np.random.Generator, ended: np.ndarray, until: int) -> pl.Series:
    """Current status names; the enhanced schema's are derived from them."""
    finished = rng.choice(["completed", "paused", "failed"], len(ended), p=[0.84, 0.1, 0.06])
    return pl.Series(np.where(ended > until - 2 * DAY, "active", finished))
