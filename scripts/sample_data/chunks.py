"""One chunk of the load: all rows that belong to a run of neighbouring campaigns."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from .api_calls import Caller, Outages, work
from .campaign_rows import analytics_rows, campaign_rows, effective_thresholds, qualification_rows, with_counts
from .campaigns import Plan
from .contacts import email_rows, profile_rows
from .exports import export_rows
from .lead_defects import LeadSpoiler, lead_totals
from .leads import assess, identities, lead_rows
from .records import Recorder
from .reference import CALL_KINDS, Prices
from .shapes import Shape
from .truth import Truth
from .values import quota

CALLS_PER_CHUNK = 200_000
_METRICS_PER_CAMPAIGN = 10  # room for the ids of recorded metrics
_SAMPLED_LEADS = 200


@dataclass(frozen=True)
class Cut:
    """What one chunk is made from: its campaigns and batches (by row number of `campaigns`), and how much to make."""

    number: int
    first_campaign: int
    campaigns: pl.DataFrame
    batches: pl.DataFrame
    api_calls: int
    planted: int


@dataclass
class Chunk:
    """Rows by table, their truth, a few leads (id, campaign_id), and campaigns, leads and cost by user_id."""

    frames: dict[str, pl.DataFrame]
    truth: Truth
    sample: pl.DataFrame
    activity: pl.DataFrame


def cut(plan: Plan, api_calls: int, planted: int) -> list[Cut]:
    """Cut the plan between campaigns into chunks of about equally many calls."""
    count = -(-api_calls // CALLS_PER_CHUNK)
    campaign = plan.batches["campaign"].to_numpy()
    firsts = campaign[[len(campaign) * number // count for number in range(count)]]
    limits = np.unique(np.append(firsts, len(plan.campaigns))).tolist()
    batch_limits = np.searchsorted(campaign, limits)
    call_limits = np.round(api_calls * batch_limits / len(campaign)).astype(int).tolist()
    chunks = len(limits) - 1
    return [
        Cut(
            number=number,
            first_campaign=limits[number],
            campaigns=plan.campaigns[limits[number] : limits[number + 1]],
            batches=plan.batches[batch_limits[number] : batch_limits[number + 1]].with_columns(
                pl.col("campaign") - limits[number]
            ),
            api_calls=call_limits[number + 1] - call_limits[number],
            planted=quota(planted, number, chunks),
        )
        for number in range(chunks)
    ]


def make_chunk(seed: int, shape: Shape, outages: Outages, until: int, part: Cut) -> Chunk:
    """Make all rows of a chunk, from random numbers of its own: chunks do not depend on each other."""
    rng = np.random.default_rng([seed, 1, part.number])
    campaigns = part.campaigns
    worked = work(rng, Caller(rng, outages, Prices()), campaigns, part.batches, until, part.api_calls)
    # A chunk has more serial numbers than leads, so that no two leads of the load share one.
    leads = assess(rng, shape, worked.leads, campaigns, part.number * CALLS_PER_CHUNK, until)
    who = identities(rng, leads, campaigns)
    spoiler = LeadSpoiler(rng, until, part.planted)
    rows = spoiler.spoil(lead_rows(rng, leads, who, campaigns), leads, who)
    totals = lead_totals(rows, leads, effective_thresholds(campaigns))
    campaigns = with_counts(campaigns, leads, totals)
    recorder = Recorder(rng, shape, campaigns, until, part.planted)
    written = recorder.write(worked.calls, leads["id"])
    exports = export_rows(rng, shape, campaigns, until)

    truth = _truth(worked.calls, totals, exports.exports)
    truth.defects.merge(spoiler.defects)
    truth.defects.merge(recorder.defects)
    kept = ~campaigns["is_deleted"].gather(leads["campaign"])
    kept_leads, kept_who = leads.filter(kept), who.filter(kept)
    frames = {
        "campaigns": campaign_rows(rng, shape, campaigns, until, truth.defects),
        "businesses": rows.businesses,
        "enhanced_leads": rows.enhanced,
        "api_usage": written.usage,
        "api_usage_log": written.log,
        "api_cost_tracking": written.tracking,
        "export_history": exports.history,
        "dashboard_exports": exports.dashboard,
        "campaign_analytics": analytics_rows(rng, shape, campaigns, 1 + part.first_campaign * _METRICS_PER_CAMPAIGN),
        "lead_emails": email_rows(rng, kept_leads, kept_who, until, part.planted, truth.defects),
        "lead_social_profiles": profile_rows(rng, kept_leads, kept_who, part.planted, truth.defects),
        "lead_qualification_metrics": qualification_rows(rng, campaigns, leads, until),
    }
    return Chunk(
        frames={table: frame for table, frame in frames.items() if table in shape.tables and len(frame)},
        truth=truth,
        sample=_sample(totals, campaigns),
        activity=_activity(campaigns),
    )


def _truth(calls: pl.DataFrame, totals: pl.DataFrame, exports: int) -> Truth:
    """The totals of a chunk, without its defects."""
    truth = Truth(
        leads=len(totals),
        lead_cost=totals["cost"].sum(),
        qualified=totals["is_qualified"].sum(),
        exports=exports,
    )
    for kind, number, cost in calls.group_by("kind").agg(pl.len(), pl.col("cost").sum()).iter_rows():
        service, _ = CALL_KINDS[kind]
        truth.calls[service] += number
        truth.call_cost[service] += cost
    return truth


def _sample(totals: pl.DataFrame, campaigns: pl.DataFrame) -> pl.DataFrame:
    """A few leads whose campaign exists."""
    known = campaigns.filter(~pl.col("is_deleted"))["id"]
    leads = totals.filter(pl.col("campaign_id").is_in(known.implode())).select("id", "campaign_id")
    return leads.gather_every(max(1, len(leads) // _SAMPLED_LEADS))


def _activity(campaigns: pl.DataFrame) -> pl.DataFrame:
    """What each user did."""
    kept = campaigns.filter(~pl.col("is_deleted"))
    return kept.group_by("user_id").agg(pl.len().alias("campaigns"), pl.col("leads", "lead_cost").sum())
