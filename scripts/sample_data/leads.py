"""Rows of `businesses` and `enhanced_leads`."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from .api_calls import ALL_STEPS
from .campaigns import CITIES, DEFAULT_THRESHOLD, NO_THRESHOLD
from .reference import DOMAIN_SEARCH, NEVERBOUNCE, PLACE_DETAILS, SCRAPE
from .shapes import Shape
from .values import HOUR, choose, null_where, pick, running_count, take, times, usd, uuids, whole

BUSINESS, TWIN, ENHANCED = 0, 1, 2  # where a lead lives: businesses, both tables, enhanced_leads only
_HYBRID_HOMES = (0.65, 0.2, 0.15)

STAGES = ("discovered", "enriching", "enriched", "validating", "validated", "qualified", "failed")
_STAGE = {name: code for code, name in enumerate(STAGES)}

_SURNAMES = (
    "Baker",
    "O'Brien",
    "Nguyen",
    "Garcia",
    "Smith",
    "Kowalski",
    "Patel",
    "Johnson",
    "Rossi",
    "Meyer",
    "Lopez",
    "Clark",
)
_FORMS = (" & Sons ", " Family ", "'s ", " Bros. ", " ")
_TRADES = ("Plumbing", "Dental Care", "Kitchen", "Law Office", "Auto Repair", "Hair Studio", "Roofing Co.", "Fitness")
_STREETS = ("Main St", "Oak Ave", "2nd St", "Elm St", "Lamar Blvd", "Park Rd")
_OWNERS = ("Ana Baker", "Tom O'Brien", "Linh Nguyen", "Maria Garcia", "Sam Patel")
_ENRICHMENT = (
    "{}",
    '{"contact_names": ["Ana"], "social_links": {"facebook": "https://social.example/1"}, "additional_emails": []}',
    '{"business_description": "Family owned", "business_hours": {"mon": "9-17"}, "additional_phones": []}',
)
_VALIDATION = (
    "{}",
    '{"phone": {"is_valid": true, "confidence": 90}, "email": {"is_valid": true, "confidence": 85}}',
    '{"phone": {"is_valid": true, "confidence": 80}, "email": {"is_valid": false, "confidence": 20}}',
)
_FAILURES = (
    "place details not available after 3 attempts",
    "closed permanently",
    "website https://shop.example?token=fake-secret-site unreachable",
)


@dataclass(frozen=True)
class LeadRows:
    """Rows of the two tables (one may be empty), and for each row the number of its lead in the chunk."""

    businesses: pl.DataFrame
    business_leads: np.ndarray
    enhanced: pl.DataFrame
    enhanced_leads: np.ndarray


def assess(
    rng: np.random.Generator, shape: Shape, leads: pl.DataFrame, campaigns: pl.DataFrame, first_serial: int, until: int
) -> pl.DataFrame:
    """Add what became of each lead, and its identity.

    Adds id, home, serial (unique in the load), is_first (of its campaign), score, stage and failure
    (codes), exported (time, or -1).
    """
    count = len(leads)
    campaign, reach = leads["campaign"].to_numpy(), leads["reach"].to_numpy()
    lost = leads[f"did_{PLACE_DETAILS}"].to_numpy() & ~leads[f"ok_{PLACE_DETAILS}"].to_numpy()
    finished = (reach >= ALL_STEPS) & ~lost
    typical = 76 + 3 * leads[f"ok_{NEVERBOUNCE}"].to_numpy() - campaigns["lacking"].to_numpy()[campaign]
    score = np.where(finished, rng.normal(0, 13, count) + typical, rng.uniform(15, 45, count))
    score = score.round().clip(0, 100).astype(np.int64)
    threshold = campaigns["threshold"].to_numpy()[campaign]
    qualified = finished & (score >= np.where(threshold == NO_THRESHOLD, DEFAULT_THRESHOLD, threshold))
    rejected = finished & ~qualified & (rng.random(count) < 0.2)
    by_reach = np.array(
        [
            _STAGE[name]
            for name in ("discovered", "enriching", "enriching", "enriched", "validating", "validated", "validated")
        ]
    )
    stage = np.select([lost | rejected, qualified], [_STAGE["failed"], _STAGE["qualified"]], by_reach[reach])
    failure = np.select([lost, rejected], [0, rng.integers(1, len(_FAILURES), count)], -1)

    completed = (campaigns["status"] == "completed").to_numpy()[campaign]
    ended = campaigns["ended"].to_numpy()[campaign]
    exported = np.where(qualified & completed & (rng.random(count) < 0.6), np.minimum(ended + HOUR, until), -1)
    is_first = running_count(campaign) == 0
    return leads.with_columns(
        id=uuids(rng, count),
        home=_homes(rng, shape, is_first),
        serial=np.arange(first_serial, first_serial + count),
        is_first=is_first,
        score=score,
        stage=stage,
        failure=failure,
        exported=exported,
    )


def _homes(rng: np.random.Generator, shape: Shape, is_first: np.ndarray) -> np.ndarray:
    """Where each lead lives. In `hybrid` a campaign's first lead is always in businesses: duplicates point to it."""
    if not shape.has_businesses:
        return np.full(len(is_first), ENHANCED)
    if not shape.has_enhanced_leads:
        return np.full(len(is_first), BUSINESS)
    return np.where(is_first, BUSINESS, pick(rng, 3, len(is_first), _HYBRID_HOMES))


def identities(rng: np.random.Generator, leads: pl.DataFrame, campaigns: pl.DataFrame) -> pl.DataFrame:
    """What both tables say of a lead: names, addresses, coordinates. Phones are unique in a campaign, and fictional."""
    count = len(leads)
    campaign = leads["campaign"].to_numpy()
    trade = campaigns["business_type"].to_numpy()[campaign]
    city = campaigns["city"].to_numpy()[campaign]
    surname = rng.integers(0, len(_SURNAMES), count)
    serial = leads["serial"].cast(pl.String)
    slugs = [name.lower().replace("'", "") for name in _SURNAMES]
    domain = take(slugs, surname) + "-" + serial + ".example"
    address = pl.Series(rng.integers(1, 9999, count)).cast(pl.String) + " " + choose(rng, _STREETS, count)
    line = pl.Series(running_count(campaign) % 10_000).cast(pl.String).str.zfill(4)
    area = take([code for _, code, _, _ in CITIES], city)
    may_lack = ~leads["is_first"].to_numpy()
    website = null_where(~leads["has_website"].to_numpy(), "https://www." + domain)
    return pl.DataFrame(
        {
            "business_name": take(_SURNAMES, surname) + choose(rng, _FORMS, count) + take(_TRADES, trade),
            "address": address,
            "phone": null_where(may_lack & (rng.random(count) < 0.05), "(" + area + ") 555-" + line),
            "phone_respelt": "+1 " + area + ".555." + line,
            "website": website,
            "email": null_where(~leads["has_email"].to_numpy(), "info@" + domain),
            "domain": domain,
            "formatted_address": address + ", " + take([name for name, *_ in CITIES], city),
            "latitude": (np.array([place[2] for place in CITIES])[city] + rng.normal(0, 0.08, count)).round(7),
            "longitude": (np.array([place[3] for place in CITIES])[city] + rng.normal(0, 0.08, count)).round(7),
        }
    )


def lead_rows(rng: np.random.Generator, leads: pl.DataFrame, who: pl.DataFrame, campaigns: pl.DataFrame) -> LeadRows:
    """The rows of both tables; leads of deleted campaigns went with them."""
    kept = ~campaigns["is_deleted"].to_numpy()[leads["campaign"].to_numpy()]
    home = leads["home"].to_numpy()
    in_businesses = np.flatnonzero(kept & (home != ENHANCED))
    in_enhanced = np.flatnonzero(kept & (home != BUSINESS))
    return LeadRows(
        _businesses(rng, leads[in_businesses], who[in_businesses], campaigns),
        in_businesses,
        _enhanced(rng, leads[in_enhanced], who[in_enhanced], campaigns),
        in_enhanced,
    )


def _businesses(
    rng: np.random.Generator, leads: pl.DataFrame, who: pl.DataFrame, campaigns: pl.DataFrame
) -> pl.DataFrame:
    count = len(leads)
    stage = leads["stage"].to_numpy()
    qualified = stage == _STAGE["qualified"]
    decided = stage >= _STAGE["validated"]
    scraped, searched = leads[f"ok_{SCRAPE}"].to_numpy(), leads[f"ok_{DOMAIN_SEARCH}"].to_numpy()
    sources = (
        '["google_places"]',
        '["google_places", "scrapingdog"]',
        '["google_places", "hunter_io"]',
        '["google_places", "scrapingdog", "hunter_io"]',
    )
    validation = leads["validation_cost"].to_numpy()
    place = uuids(rng, count).str.replace_all("-", "").str.slice(0, 20)
    may_lack = ~leads["is_first"].to_numpy()
    return pl.DataFrame(
        {
            "id": leads["id"],
            "campaign_id": campaigns["id"].gather(leads["campaign"]),
            "user_id": campaigns["user_id"].gather(leads["campaign"]),
            **{
                name: who[name]
                for name in ("business_name", "address", "phone", "website", "email", "latitude", "longitude")
            },
            "place_id": null_where(may_lack & (rng.random(count) < 0.03), "ChIJ" + place),
            "formatted_address": who["formatted_address"],
            "enrichment_data": take(_ENRICHMENT, np.where(scraped, rng.integers(1, 3, count), 0)),
            "discovery_source": pl.repeat("google_places", count, eager=True),
            "enrichment_sources": take(sources, scraped + 2 * searched),
            "validation_status": take(
                _VALIDATION, np.where(decided, rng.integers(1, 3, count), rng.integers(-1, 1, count))
            ),
            "confidence_score": leads["score"],
            "is_qualified": null_where(~decided, pl.Series(qualified)),
            "qualification_reason": take(("score meets the campaign's minimum",), np.where(qualified, 0, -1)),
            "discovery_cost": usd(leads["discovery_cost"]),
            "enrichment_cost": usd(leads["enrichment_cost"]),
            # Not written before validation begins; the generated total is NULL then.
            "validation_cost": usd(validation, (validation == 0) & (rng.random(count) < 0.3)),
            "processing_stage": take(STAGES, stage),
            "processing_error": take(_FAILURES, leads["failure"]),
            "created_at": times(leads["found"]),
            "updated_at": times(leads["ended"]),
            "exported_at": times(leads["exported"], leads["exported"].to_numpy() < 0),
        }
    )


def _enhanced(
    rng: np.random.Generator, leads: pl.DataFrame, who: pl.DataFrame, campaigns: pl.DataFrame
) -> pl.DataFrame:
    count = len(leads)
    stage = leads["stage"].to_numpy()
    exported = leads["exported"].to_numpy()
    verified = leads[f"ok_{NEVERBOUNCE}"].to_numpy()
    trade = campaigns["business_type"].to_numpy()[leads["campaign"].to_numpy()]
    kinds = (
        "{plumber}",
        "{dentist,health}",
        "{restaurant,food}",
        "{lawyer}",
        "{car_repair}",
        '{"hair salon",beauty}',
        "{roofer}",
        "{gym}",
    )
    status = np.select([exported >= 0, stage == _STAGE["failed"]], [1, 2], 0)
    return pl.DataFrame(
        {
            "id": leads["id"],
            "campaign_id": campaigns["id"].gather(leads["campaign"]),
            **{name: who[name] for name in ("business_name", "address", "phone", "website")},
            "confidence_score": leads["score"],
            "business_type": take(kinds, trade),
            "owner_name": null_where(rng.random(count) < 0.4, choose(rng, _OWNERS, count)),
            "employee_count": whole(rng.integers(1, 60, count), rng.random(count) < 0.3),
            "discovery_source": pl.repeat("google_places", count, eager=True),
            "enrichment_sources": choose(
                rng, ('{"google_places": true}', '{"google_places": true, "hunter_io": true}', "{}", None), count
            ),
            "validation_sources": choose(rng, ('{"neverbounce": true}', "{}"), count),
            "discovery_cost": usd(leads["discovery_cost"]),
            # This table has no validation cost: it is part of what enrichment cost.
            "enrichment_cost": usd(leads["enrichment_cost"] + leads["validation_cost"]),
            "data_completeness_score": whole(rng.integers(30, 101, count), rng.random(count) < 0.05),
            "email_verified": verified,
            "website_status": whole(rng.choice((200, 200, 200, 301, 404), count), who["website"].is_null()),
            "social_verified": rng.random(count) < 0.3,
            "export_status": take(("pending", "exported", "excluded"), status),
            "exported_at": times(exported, exported < 0),
            "search_query": take(_TRADES, trade) + " near me",
            "location_coordinates": "("
            + who["longitude"].cast(pl.String)
            + ","
            + who["latitude"].cast(pl.String)
            + ")",
            "search_radius_km": pl.repeat(25, count, eager=True),
            "metadata": choose(rng, ("{}", '{"source_version": 2}'), count),
            "created_at": times(leads["found"]),
            "updated_at": times(leads["ended"]),
        }
    )
