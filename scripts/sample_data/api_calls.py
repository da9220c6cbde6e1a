"""The true API calls: what the application asks of each service for each lead, with retries and outages."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from .campaigns import CALLS_PER_LEAD, Plan
from .reference import (
    CALL_KINDS,
    DOMAIN_SEARCH,
    LOOKUP,
    NEVERBOUNCE,
    PLACE_DETAILS,
    SCRAPE,
    SERVICES,
    TEXT_SEARCH,
    VERIFY_EMAIL,
    Prices,
)
from .values import HOUR, MINUTE, SECOND, running_count

NO_LEAD = -1
NO_STATUS = -1
NO_ERROR = -1
ALL_STEPS = 6
OUTAGES_PER_SERVICE, BURSTS_PER_OUTAGE = 3, 30
DOWN_AT_THE_END = "hunter_io"
FAILURE_RATE, OUTAGE_FAILURE_RATE = 0.015, 0.75
TRIES = 3
MEDIAN_RESPONSE_MS = (350, 180, 2200, 600, 900, 450, 1500)  # by call kind
BATCH_SETUP = 15 * SECOND  # longer than a text search with all its retries
LONGEST_LEAD = 85 * SECOND  # longer than all steps of a lead with all their retries, and than its log rows lag

# (service, HTTP status or NO_STATUS, message)
ERRORS = (
    (
        "google_places",
        429,
        "OVER_QUERY_LIMIT: https://maps.example/maps/api/place/details/json?place_id=ChIJ1&key=fake-secret-g1",
    ),
    ("google_places", 503, "Service Unavailable: upstream connect error"),
    ("google_places", 500, 'INTERNAL: {"request_id": "r-81", "api_key": "fake-secret-g2"}'),
    ("google_places", 403, "REQUEST_DENIED: the provided API key fake-secret-g3 is expired"),
    ("google_places", NO_STATUS, "ETIMEDOUT: no answer within 10000 ms"),
    (
        "hunter_io",
        429,
        "Too many requests: GET https://api.hunter.example/v2/domain-search?domain=acme.example&api_key=fake-secret-h1",
    ),
    ("hunter_io", 500, "could not verify owner@acme.example: internal server error"),
    (
        "hunter_io",
        503,
        "503 from https://api.hunter.example/v2/email-verifier?email=info@shop.example&api_key=fake-secret-h2",
    ),
    ("hunter_io", NO_STATUS, "socket hang up"),
    ("neverbounce", 429, "throttled: account jobs@leadgen.example exceeded 100 requests per minute"),
    ("neverbounce", 500, "general_failure: Authorization: Bearer fake-secret-n1 was not accepted by the backend"),
    ("neverbounce", 503, "temporarily unavailable"),
    (
        "scrapingdog",
        503,
        "no proxy available for https://api.scrapingdog.example/scrape?api_key=fake-secret-s1&url=https://www.shop.example",
    ),
    ("scrapingdog", 500, "Something went wrong, please try again"),
    ("scrapingdog", 410, "page gone: https://www.shop.example/about"),
    ("scrapingdog", NO_STATUS, "connect ECONNREFUSED 203.0.113.7:443"),
    ("state_registry", 503, "registry is down for maintenance"),
    ("state_registry", 500, "<html><body>Application error, contact webmaster@registry.example</body></html>"),
)
_ERRORS_OF_KIND = [np.array([i for i, error in enumerate(ERRORS) if error[0] == service]) for service, _ in CALL_KINDS]
_STATUS_OF_ERROR = np.array([status for _, status, _ in ERRORS])


@dataclass(frozen=True)
class Outages:
    """Times at which a service is down: arrays `service` (position in SERVICES), `start`, `end`."""

    service: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def hit(self, kind: int, moments: np.ndarray) -> np.ndarray:
        """Which moments lie in an outage of the service that this kind of call asks."""
        own = self.service == SERVICES.index(CALL_KINDS[kind][0])
        down = np.zeros(len(moments), dtype=bool)
        for start, end in zip(self.start[own], self.end[own], strict=True):
            down |= (moments >= start) & (moments < end)
        return down


def plan_outages(rng: np.random.Generator, plan: Plan) -> Outages:
    """A few outages of an hour or two per service, each beginning shortly before some burst, so that calls meet it.

    One service is down at the end, so that there is something to see to.
    """
    starts = plan.batches["burst_start"].unique().to_numpy()
    per_service = int(np.clip(len(starts) // BURSTS_PER_OUTAGE, 1, OUTAGES_PER_SERVICE))
    service = np.repeat(np.arange(len(SERVICES)), per_service)
    start = rng.choice(starts, len(service)) - rng.integers(0, 10 * MINUTE, len(service))
    end = start + rng.integers(HOUR, 2 * HOUR, len(service))
    last = np.flatnonzero(service == SERVICES.index(DOWN_AT_THE_END))[-1]
    start[last] = plan.until - rng.integers(15 * MINUTE, 45 * MINUTE)
    end[last] = start[last] + HOUR
    return Outages(service, start, end)


@dataclass(frozen=True)
class Tried:
    """One step for a number of leads (or batches): the calls, and for each lead its end and whether it went well."""

    calls: pl.DataFrame
    ended: np.ndarray
    succeeded: np.ndarray


class Caller:
    """Makes calls: knows the outages and the prices."""

    def __init__(self, rng: np.random.Generator, outages: Outages, prices: Prices) -> None:
        self._rng, self._outages, self._prices = rng, outages, prices

    def call(self, kind: int, moments, campaign, lead=None, tries: int = TRIES, must_succeed: bool = False) -> Tried:
        """Call once per moment; a failed call is repeated a few seconds later, until it was tried `tries` times."""
        rng, count = self._rng, len(moments)
        chance = np.where(self._outages.hit(kind, moments), OUTAGE_FAILURE_RATE, FAILURE_RATE)
        failed = rng.random((count, tries)) < chance[:, None]
        succeeded = ~failed.all(axis=1) | must_succeed
        made = np.where(failed.all(axis=1), tries, failed.argmin(axis=1) + 1)

        owner = np.repeat(np.arange(count), made)
        number = running_count(owner)
        back_off = rng.integers(int(2.0 * SECOND), int(3.9 * SECOND), count)
        at = moments[owner] + number * back_off[owner]
        success = (number == made[owner] - 1) & succeeded[owner]
        response_ms = (
            (rng.lognormal(np.log(MEDIAN_RESPONSE_MS[kind]), 0.5, len(owner)) + 20).astype(np.int64).clip(max=10_000)
        )
        error = np.where(success, NO_ERROR, rng.choice(_ERRORS_OF_KIND[kind], len(owner)))
        calls = pl.DataFrame(
            {
                "campaign": campaign[owner],
                "lead": np.full(len(owner), NO_LEAD) if lead is None else lead[owner],
                "kind": np.full(len(owner), kind),
                "at": at,
                "success": success,
                "status": np.where(success, 200, _STATUS_OF_ERROR[error]),
                "response_ms": response_ms,
                # A failed call is not charged.
                "cost": np.where(success, self._prices.at(kind, at), 0),
                "error": error,
            }
        )
        last = np.cumsum(made) - 1
        ended = at[last] + np.minimum(response_ms[last], 5000) * 1000 if count else moments
        return Tried(calls, ended, succeeded)


@dataclass(frozen=True)
class Worked:
    """What a chunk of campaigns did: all calls in order of time, and the leads with what became of them.

    `leads` has campaign, found and start (times), search_share (of the text search's cost), reach (the steps meant to
    be done), has_website, has_email, ended (time of the last call), the three costs, and for each kind k of its calls
    `did_k` and `ok_k`.
    """

    calls: pl.DataFrame
    leads: pl.DataFrame


def work(
    rng: np.random.Generator, caller: Caller, campaigns: pl.DataFrame, batches: pl.DataFrame, until: int, target: int
) -> Worked:
    """Search, enrich and validate the leads of these batches with `target` calls in all, none of them after `until`.

    `batches.campaign` is a row number of `campaigns`. Not every lead is looked up in a state registry: as many are
    as the number of calls leaves room for, which is how it is met exactly.
    """
    search, leads = _search(rng, caller, campaigns, batches, until, round(target / CALLS_PER_LEAD))
    parts = [search.calls]
    campaign, count = leads["campaign"].to_numpy(), len(leads)
    website, reach = leads["has_website"].to_numpy(), leads["reach"].to_numpy()
    ended = leads["start"].to_numpy().copy()
    outcome: dict[str, np.ndarray] = {}

    def step(kind: int, wanted: np.ndarray, tries: int = TRIES) -> np.ndarray:
        rows = np.flatnonzero(wanted)
        tried = caller.call(
            kind, ended[rows] + rng.integers(SECOND // 3, 2 * SECOND, len(rows)), campaign[rows], rows, tries
        )
        parts.append(tried.calls)
        ended[rows] = tried.ended
        ok = np.zeros(count, dtype=bool)
        ok[rows] = tried.succeeded
        outcome[f"did_{kind}"], outcome[f"ok_{kind}"] = wanted, ok
        return ok

    detailed = step(PLACE_DETAILS, reach >= 1)
    step(SCRAPE, detailed & website & (reach >= 2))
    searched = step(DOMAIN_SEARCH, detailed & website & (reach >= 3))
    has_email = searched & (rng.random(count) < 0.85)
    verified = step(VERIFY_EMAIL, has_email & (reach >= 4))
    step(NEVERBOUNCE, verified & (reach >= 5))
    candidates = rng.permutation(np.flatnonzero(detailed & (reach >= ALL_STEPS)))
    room = max(0, target - sum(len(part) for part in parts))
    looked_up = np.zeros(count, dtype=bool)
    looked_up[candidates[:room]] = True
    step(LOOKUP, looked_up, tries=1)

    calls = pl.concat(parts).sort("at", maintain_order=True)
    leads = leads.with_columns(has_email=has_email, ended=ended, **outcome)
    return Worked(calls, _with_costs(leads, calls))


def _search(
    rng: np.random.Generator,
    caller: Caller,
    campaigns: pl.DataFrame,
    batches: pl.DataFrame,
    until: int,
    lead_count: int,
) -> tuple[Tried, pl.DataFrame]:
    """One text search per batch, and the leads which it finds."""
    count = len(batches)
    found = np.full(count, lead_count // count)
    found[rng.permutation(count)[: lead_count % count]] += 1
    order = rng.permutation(count)
    half = count // 2
    swing = np.minimum(1, found[order[:half]] - 1)
    found[order[:half]] -= swing
    found[order[half : 2 * half]] += swing

    batch = np.repeat(np.arange(count), found)
    rank = running_count(batch)
    gap = (rng.lognormal(np.log(4.5), 0.6, len(batch)).clip(1, 12) * SECOND).astype(np.int64)
    work_time = np.bincount(batch, gap, count).astype(np.int64)
    before = np.cumsum(BATCH_SETUP + work_time) - (BATCH_SETUP + work_time)
    first_of_burst = np.arange(count) - batches["position"].to_numpy()
    start = batches["burst_start"].to_numpy() + before - before[first_of_burst]
    last_of_burst = np.append(np.flatnonzero(np.diff(first_of_burst)), count - 1)
    last_of_burst = last_of_burst[np.searchsorted(last_of_burst, np.arange(count))]
    burst_end = (start + BATCH_SETUP + work_time + LONGEST_LEAD)[last_of_burst]
    start -= np.maximum(burst_end - until, 0)
    search = caller.call(TEXT_SEARCH, start, batches["campaign"].to_numpy(), must_succeed=True)

    price = search.calls.filter("success")["cost"].to_numpy()  # one success per batch, in order of the batches
    share = price[batch] // found[batch] + (rank < (price % found)[batch])
    elapsed = np.cumsum(gap) - np.repeat((np.cumsum(work_time) - work_time), found)
    campaign = batches["campaign"].to_numpy()[batch]
    # The last batch of a campaign that was not completed is only half worked through.
    unfinished = (
        batches["is_last"].to_numpy() & (campaigns["status"].gather(batches["campaign"]) != "completed").to_numpy()
    )
    late = unfinished[batch] & (rank >= found[batch] * 0.6)
    leads = pl.DataFrame(
        {
            "campaign": campaign,
            "found": search.ended[batch] + SECOND // 5 + rank * 7000,
            "search_share": share,
            "start": search.ended[batch] + SECOND + elapsed - gap,
            "reach": np.where(late, rng.integers(0, ALL_STEPS, len(batch)), ALL_STEPS),
            "has_website": rng.random(len(batch)) < 0.85,
        }
    )
    return search, leads


def _with_costs(leads: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Add discovery_cost, enrichment_cost and validation_cost: exactly what the lead's calls cost."""
    own = calls.filter(pl.col("lead") != NO_LEAD)
    rows, kind, cost = own["lead"].to_numpy(), own["kind"].to_numpy(), own["cost"].to_numpy()

    def spent(*kinds: int) -> np.ndarray:
        return np.bincount(rows, np.where(np.isin(kind, kinds), cost, 0), len(leads)).astype(np.int64)

    return leads.with_columns(
        discovery_cost=leads["search_share"] + pl.Series(spent(PLACE_DETAILS)),
        enrichment_cost=spent(SCRAPE, DOMAIN_SEARCH),
        validation_cost=spent(VERIFY_EMAIL, NEVERBOUNCE, LOOKUP),
    )
