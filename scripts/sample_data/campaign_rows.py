"""Rows of `campaigns`, with the application's own counters, and the metrics which it recorded per campaign."""

import json

import numpy as np
import polars as pl

from .campaigns import BUSINESS_TYPES, CITIES, DEFAULT_THRESHOLD, NO_THRESHOLD
from .defects import FUTURE, Defects
from .leads import STAGES
from .shapes import Shape
from .values import DAY, HOUR, USD, dates, times, usd, uuids, whole

NO_DEFECT = "none"
_COMMON_DEFECTS = ("unknown_status", "drafted_status", "drift_up", "drift_down", "drift_twice", "almost_drift")
_JSON_DEFECTS = {
    "current": ("settings_list", "threshold_text", "results_text"),
    "enhanced": ("parameters_list", "parameters_text"),
}
_MALFORMED = {
    "settings_list": ("settings", '["enable_website_scraping"]'),
    "threshold_text": ("settings", '{"min_confidence_score": "high"}'),
    "results_text": ("results", '{"discovered": "many", "qualified": 3}'),
    "parameters_list": ("search_parameters", '["plumber", "Austin, TX"]'),
    "parameters_text": ("search_parameters", '"plumber in Austin, TX"'),
}
_STATUS_DEFECTS = {"unknown_status": "archived", "drafted_status": "draft"}
_DRIFT = {"drift_up": 1.2, "drift_down": 0.9, "drift_twice": 2.0, "almost_drift": 1.004}
_ENHANCED_STATUS = {"active": "running", "paused": "paused", "completed": "completed", "failed": "cancelled"}
CAMPAIGNS_PER_DEFECT = 400
_BUDGETS = (None, 20, 25, 50, 75, 100)


def choose_defects(rng: np.random.Generator, shape: Shape, deleted: np.ndarray) -> pl.Series:
    """The defect (a name, or NO_DEFECT) that each campaign is to have; every kind occurs at least once."""
    kinds = _COMMON_DEFECTS + _JSON_DEFECTS["enhanced" if shape.has_enhanced_campaigns else "current"]
    kinds *= max(1, len(deleted) // CAMPAIGNS_PER_DEFECT)
    chosen = np.full(len(deleted), NO_DEFECT, dtype=object)
    rows = rng.permutation(np.flatnonzero(~deleted))[: len(kinds)]
    chosen[rows] = kinds[: len(rows)]
    return pl.Series(chosen.tolist(), dtype=pl.String)


def effective_thresholds(campaigns: pl.DataFrame) -> pl.DataFrame:
    """campaign_id and threshold, as far as it can be read from the campaign as written."""
    unreadable = campaigns["defect"].is_in(["settings_list", "threshold_text"]) | (
        campaigns["threshold"] == NO_THRESHOLD
    )
    threshold = pl.when(unreadable).then(DEFAULT_THRESHOLD).otherwise("threshold")
    return campaigns.select(pl.col("id").alias("campaign_id"), threshold.alias("threshold"))


def with_counts(campaigns: pl.DataFrame, leads: pl.DataFrame, totals: pl.DataFrame) -> pl.DataFrame:
    """Add leads per stage (`n_<stage>`, `n_exported`), and of the leads as written: leads, lead_cost, qualified."""
    campaign, stage = leads["campaign"].to_numpy(), leads["stage"].to_numpy()
    counts = {
        f"n_{name}": np.bincount(campaign[stage == code], minlength=len(campaigns)) for code, name in enumerate(STAGES)
    }
    exported = np.bincount(campaign[leads["exported"].to_numpy() >= 0], minlength=len(campaigns))
    sums = totals.group_by("campaign_id").agg(
        pl.len().alias("leads"),
        pl.col("cost").sum().alias("lead_cost"),
        pl.col("is_qualified").sum().alias("qualified"),
    )
    return (
        campaigns.with_columns(n_exported=exported, **counts)
        .join(sums, left_on="id", right_on="campaign_id", how="left", maintain_order="left")
        .with_columns(pl.col("leads", "lead_cost", "qualified").fill_null(0))
    )


def campaign_rows(
    rng: np.random.Generator, shape: Shape, campaigns: pl.DataFrame, until: int, defects: Defects
) -> pl.DataFrame:
    """Rows of `campaigns`; the counter is what the leads cost, except where it drifts.

    `campaigns` comes from `with_counts`.
    """
    frame = campaigns.filter(~pl.col("is_deleted"))
    build = _enhanced_row if shape.has_enhanced_campaigns else _current_row
    budgets = [_BUDGETS[code] for code in rng.integers(0, len(_BUDGETS), len(frame))]
    rows = []
    for campaign, budget in zip(frame.iter_rows(named=True), budgets, strict=True):
        row = {
            "id": campaign["id"],
            "user_id": campaign["user_id"],
            "name": f"{BUSINESS_TYPES[campaign['business_type']].title()} {CITIES[campaign['city']][0]}",
            "budget_limit": budget,
            "created_at": campaign["started"],
            "updated_at": min(campaign["ended"], until),
            "completed_at": min(campaign["ended"], until) if campaign["status"] == "completed" else None,
            **build(campaign),
        }
        _spoil(row, campaign["defect"], defects)
        rows.append(row)
    return _as_columns(rows)


def bare_campaign_rows(
    rng: np.random.Generator, shape: Shape, user_id: str, until: int, defects: Defects
) -> pl.DataFrame:
    """Campaigns without leads and calls: two that never ran, and two whose clock was ahead."""
    created = [until - 20 * DAY, until - 2 * DAY, until + FUTURE, until + FUTURE + DAY]
    rows = []
    for campaign_id, moment in zip(uuids(rng, len(created)), created, strict=True):
        status = "running" if shape.has_enhanced_campaigns else "active"
        counter = (
            {"total_cost": 0}
            if shape.has_enhanced_campaigns
            else {"current_cost": 0, "settings": None, "results": "null"}
        )
        row = {"id": campaign_id, "user_id": user_id, "name": "Not started yet", "status": status, **counter}
        rows.append({**row, "created_at": moment, "updated_at": moment, "completed_at": None})
        if moment > until:
            defects.add("future_timestamp", "campaigns", [campaign_id])
    return _as_columns(rows)


def _as_columns(rows: list[dict]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.with_columns(pl.col("created_at", "updated_at", "completed_at").cast(pl.Int64).cast(pl.Datetime("us")))


def _current_row(campaign: dict) -> dict:
    settings = {
        "enable_website_scraping": True,
        "enable_email_discovery": True,
        "enable_email_verification": True,
        "max_cost_per_lead": 2,
    }
    if campaign["threshold"] != NO_THRESHOLD:
        settings["min_confidence_score"] = campaign["threshold"]
    validated = campaign["n_validated"] + campaign["n_qualified"]
    enriched = validated + campaign["n_enriched"] + campaign["n_validating"]
    results = {
        "discovered": sum(campaign[f"n_{stage}"] for stage in STAGES),
        "enriched": enriched,
        "validated": validated,
        "qualified": campaign["n_qualified"],
        "exported": campaign["n_exported"],
    }
    return {
        "business_type": BUSINESS_TYPES[campaign["business_type"]],
        "location": CITIES[campaign["city"]][0],
        "target_count": -(-campaign["leads"] // 50) * 50,
        "status": campaign["status"],
        "current_cost": round(campaign["lead_cost"] * _DRIFT.get(campaign["defect"], 1)) / USD,
        "progress_percentage": 100 if campaign["status"] == "completed" else 60,
        "settings": json.dumps(settings),
        "results": json.dumps(results),
    }


def _enhanced_row(campaign: dict) -> dict:
    search = {
        "business_type": BUSINESS_TYPES[campaign["business_type"]],
        "location": CITIES[campaign["city"]][0],
        "radius_km": 25,
    }
    return {
        "search_parameters": json.dumps(search),
        "lead_limit": -(-campaign["leads"] // 50) * 50,
        "status": _ENHANCED_STATUS[campaign["status"]],
        "quality_threshold": None if campaign["threshold"] == NO_THRESHOLD else campaign["threshold"],
        "leads_discovered": campaign["leads"],
        "leads_qualified": campaign["qualified"],
        "total_cost": _cents(round(campaign["lead_cost"] * _DRIFT.get(campaign["defect"], 1))),
    }


def _cents(units: int) -> float | None:
    """Units as USD with cents; None (counter not written) where rounding alone would look like drift."""
    cents = round(units * 100 / USD)
    return cents / 100 if abs(cents * USD / 100 - units) <= 0.005 * units else None


def _spoil(row: dict, defect: str, defects: Defects) -> None:
    """Plant the campaign's defect in its row."""
    if defect in _MALFORMED:
        column, row[column] = _MALFORMED[defect]
        defects.add("malformed_json_field", "campaigns", [row["id"]])
    elif defect in _STATUS_DEFECTS:
        row["status"] = _STATUS_DEFECTS[defect]
        defects.add("unknown_status", "campaigns", [row["id"]])
    elif defect.startswith("drift_"):
        defects.add("counter_drift", "campaigns", [row["id"]])


def analytics_rows(rng: np.random.Generator, shape: Shape, campaigns: pl.DataFrame, first_id: int) -> pl.DataFrame:
    """Recorded metrics of each campaign, in the structure of `campaign_analytics` that the shape has."""
    kept = campaigns.filter(~pl.col("is_deleted"))
    metrics = (
        ("total_cost", "cost", kept["lead_cost"].to_numpy() / USD),
        ("leads_generated", "performance", kept["leads"].to_numpy().astype(float)),
        ("qualification_rate", "quality", kept["qualified"].to_numpy() / kept["leads"].to_numpy().clip(1)),
        ("leads_exported", "conversion", kept["n_exported"].to_numpy().astype(float)),
    )
    repeats = len(metrics)
    count = len(kept) * repeats
    frame = pl.DataFrame(
        {
            "campaign_id": kept["id"].gather(np.repeat(np.arange(len(kept)), repeats)),
            "metric_name": [name for name, *_ in metrics] * len(kept),
            "metric_value": np.stack([values for *_, values in metrics], axis=1).ravel().round(4),
        }
    )
    recorded = times(np.repeat(kept["ended"].to_numpy(), repeats))
    if not shape.has_enhanced_analytics:
        return frame.with_columns(id=whole(np.arange(first_id, first_id + count)), created_at=recorded)
    return frame.with_columns(
        id=uuids(rng, count),
        metric_type=pl.Series([kind for _, kind, _ in metrics] * len(kept), dtype=pl.String),
        api_service=pl.Series([None, "google_places", None, None] * len(kept), dtype=pl.String),
        metadata=pl.repeat('{"unit": "usd"}', count, eager=True),
        timestamp=recorded,
    )


def qualification_rows(
    rng: np.random.Generator, campaigns: pl.DataFrame, leads: pl.DataFrame, until: int
) -> pl.DataFrame:
    """Recorded snapshots: the campaign's running figures at the end of each hour in which it found leads."""
    cost = pl.col("discovery_cost") + pl.col("enrichment_cost") + pl.col("validation_cost")
    hours = (
        leads.with_columns(
            hour=pl.col("found") // HOUR, cost=cost, qualified=pl.col("stage") == STAGES.index("qualified")
        )
        .group_by("campaign", "hour", maintain_order=True)
        .agg(pl.len().alias("leads"), pl.col("qualified", "cost").sum(), pl.col("score").mean())
        .with_columns(pl.col("leads", "qualified", "cost").cum_sum().over("campaign"))
    )
    hours = hours.filter(~campaigns["is_deleted"].gather(hours["campaign"]))
    found, qualified = hours["leads"].to_numpy(), hours["qualified"].to_numpy()
    spent, hour = hours["cost"].to_numpy(), hours["hour"].to_numpy()
    roi = (qualified * 10 * USD - spent) / spent.clip(1) * 100
    return pl.DataFrame(
        {
            "id": uuids(rng, len(hours)),
            "campaign_id": campaigns["id"].gather(hours["campaign"]),
            "total_leads_discovered": found,
            "leads_qualified": qualified,
            "qualification_rate": (qualified / found).round(4),
            "avg_confidence_score": hours["score"].round(2),
            "total_api_calls": found * 5,
            "total_api_cost": usd(spent),
            "cost_per_qualified_lead": usd(spent // qualified.clip(1), qualified == 0),
            "roi_percentage": pl.Series(roi.round(4).clip(max=9999)),
            "date": dates(hour * HOUR),
            "hour": hour % 24,
            "created_at": times(np.minimum(hour * HOUR + HOUR, until)),
        }
    )
