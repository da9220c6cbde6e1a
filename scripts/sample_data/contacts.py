"""Rows of `lead_emails` and `lead_social_profiles`."""

import numpy as np
import polars as pl

from .defects import Defects, Draw, overwrite
from .values import MINUTE, choose, null_where, pick, running_count, take, times, usd, uuids, whole

_MAILBOXES = ("info", "contact", "owner")
_SOURCES = ("hunter_io", "scraped", "pattern_generated", "manual")
_VERDICTS = ("deliverable", "undeliverable", "risky", "unknown", "pending")
_VERDICT_SCORES = np.array([[80, 100], [0, 30], [40, 70], [30, 60], [0, 1]])
_PLATFORMS = ("linkedin", "facebook", "instagram", "twitter", "youtube", "tiktok")


def email_rows(
    rng: np.random.Generator, leads: pl.DataFrame, who: pl.DataFrame, until: int, planted: int, defects: Defects
) -> pl.DataFrame:
    """One to three addresses for each lead that has any.

    `planted` of them are of leads that are gone, and as many have impossible scores.
    """
    owner = np.repeat(
        np.arange(len(leads)), np.where(leads["has_email"].to_numpy(), pick(rng, 3, len(leads), (5, 3, 2)) + 1, 0)
    )
    rank, count = running_count(owner), len(owner)
    verdict = pick(rng, len(_VERDICTS), count, (55, 12, 10, 8, 15))
    low, high = _VERDICT_SCORES[verdict].T
    found = leads["found"].to_numpy()[owner]
    pending = verdict == _VERDICTS.index("pending")
    frame = pl.DataFrame(
        {
            "id": uuids(rng, count),
            "lead_id": leads["id"].gather(owner),
            "email": take(_MAILBOXES, rank) + "@" + who["domain"].gather(owner),
            "source": choose(rng, _SOURCES, count, (6, 2, 2, 1)),
            "verification_status": take(_VERDICTS, verdict),
            "verification_score": whole(rng.integers(low, high), pending),
            "discovery_cost": usd(np.where(rank == 0, 980, 0)),
            "verified_at": times(np.minimum(found + 3 * MINUTE, until), pending),
            "created_at": times(found + MINUTE),
        }
    )
    draw = Draw(rng, np.ones(count, dtype=bool))
    orphans, scores = draw.take(planted), draw.take(planted)
    frame = overwrite(frame, "lead_id", orphans, uuids(rng, planted))
    frame = overwrite(frame, "verification_score", scores, [140, -10])
    defects.add("orphan_lead_email", "lead_emails", frame["id"].gather(orphans))
    defects.add("score_out_of_range", "lead_emails", frame["id"].gather(scores))
    return frame


def profile_rows(
    rng: np.random.Generator, leads: pl.DataFrame, who: pl.DataFrame, planted: int, defects: Defects
) -> pl.DataFrame:
    """Up to two profiles per lead, `planted` of them of leads that are gone."""
    owner = np.repeat(np.arange(len(leads)), pick(rng, 3, len(leads), (6, 3, 1)))
    rank, count = running_count(owner), len(owner)
    # The two profiles of a lead are on different platforms.
    platform = (rng.integers(0, len(_PLATFORMS), len(leads))[owner] + rank) % len(_PLATFORMS)
    username = who["domain"].gather(owner).str.replace(".example", "", literal=True)
    frame = pl.DataFrame(
        {
            "id": uuids(rng, count),
            "lead_id": leads["id"].gather(owner),
            "platform": take(_PLATFORMS, platform),
            "profile_url": "https://" + take(_PLATFORMS, platform) + ".example/" + username,
            "username": username,
            "followers_count": whole(rng.lognormal(5, 1.5, count), rng.random(count) < 0.2),
            "verification_status": choose(rng, ("pending", "verified", "rejected"), count),
            "scraped_data": null_where(rng.random(count) < 0.7, choose(rng, ("{}", '{"bio": "Family owned"}'), count)),
            "created_at": times(leads["found"].to_numpy()[owner] + MINUTE),
        }
    )
    orphans = Draw(rng, np.ones(count, dtype=bool)).take(planted)
    frame = overwrite(frame, "lead_id", orphans, uuids(rng, planted))
    defects.add("orphan_social_profile", "lead_social_profiles", frame["id"].gather(orphans))
    return frame
