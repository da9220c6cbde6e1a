"""Rows of `export_history` and `dashboard_exports`; in `hybrid` some exports are in both."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from .shapes import Shape
from .values import DAY, HOUR, MINUTE, SECOND, choose, dates, null_where, pick, take, times, uuids

HISTORY_ONLY, SAME_ID, OTHER_ID, DASHBOARD_ONLY = range(4)
_WHERE_WEIGHTS = (3, 3, 3, 2)
_MOST_PER_CAMPAIGN = 3
_FORMATS = ("csv", "json", "xlsx")
_DASHBOARD_FORMATS = ("csv", "json", "excel")
_EXPORT_TYPES = ("cost_analysis", "campaign_performance", "roi_report", "lead_export", "full_report")


@dataclass(frozen=True)
class ExportRows:
    """Rows of the two tables (empty where the shape has no such table), and how many exports they are."""

    history: pl.DataFrame
    dashboard: pl.DataFrame
    exports: int


def export_rows(rng: np.random.Generator, shape: Shape, campaigns: pl.DataFrame, until: int) -> ExportRows:
    """A few exports of each campaign that still exists, hours after it ended and at least 10 minutes apart."""
    kept = campaigns.filter(~pl.col("is_deleted"))
    per_campaign = rng.integers(0, _MOST_PER_CAMPAIGN + 1, len(kept))
    campaign = np.repeat(np.arange(len(kept)), per_campaign)
    number = np.arange(len(campaign)) - np.repeat(np.cumsum(per_campaign) - per_campaign, per_campaign)
    created = np.minimum(
        kept["ended"].to_numpy()[campaign] + (number + 1) * HOUR,
        until - (_MOST_PER_CAMPAIGN + 1 - number) * 10 * MINUTE,
    )
    where = pick(rng, 4, len(campaign), _WHERE_WEIGHTS)
    if "dashboard_exports" not in shape.tables:
        where[:] = HISTORY_ONLY
    if "export_history" not in shape.tables:
        where[:] = DASHBOARD_ONLY
    exports = pl.DataFrame(
        {
            "id": uuids(rng, len(campaign)),
            "campaign_id": kept["id"].gather(campaign),
            "user_id": kept["user_id"].gather(campaign),
            "rows": kept["qualified"].gather(campaign),
            "format": pick(rng, len(_FORMATS), len(campaign), (5, 2, 3)),
            "created": created,
            "where": where,
        }
    )
    return ExportRows(
        _history(rng, exports.filter(pl.col("where") != DASHBOARD_ONLY)),
        _dashboard(rng, exports.filter(pl.col("where") != HISTORY_ONLY)),
        len(exports),
    )


def _signed_urls(ids: pl.Series) -> pl.Series:
    return "https://storage.example/exports/" + ids + "?token=fake-secret-signature"


def _history(rng: np.random.Generator, exports: pl.DataFrame) -> pl.DataFrame:
    formats = take(_FORMATS, exports["format"])
    created = exports["created"].to_numpy()
    return pl.DataFrame(
        {
            "id": exports["id"],
            "campaign_id": exports["campaign_id"],
            "user_id": exports["user_id"],
            "filename": "leads-" + exports["id"].str.slice(0, 8) + "." + formats,
            "format": formats,
            "leads_count": exports["rows"],
            "file_size_bytes": exports["rows"] * 310 + 2048,
            "filters": choose(rng, ("{}", '{"min_confidence_score": 80}'), len(exports)),
            "export_summary": choose(rng, ("{}", '{"columns": 12}'), len(exports)),
            "download_url": _signed_urls(exports["id"]),
            "expires_at": times(created + 7 * DAY),
            "created_at": times(created),
        }
    )


def _dashboard(rng: np.random.Generator, exports: pl.DataFrame) -> pl.DataFrame:
    count = len(exports)
    where, created = exports["where"].to_numpy(), exports["created"].to_numpy()
    only_here = where == DASHBOARD_ONLY
    # A report over several campaigns names them in an array, and no single one.
    report = only_here & (rng.random(count) < 0.3)
    written = np.where(where == OTHER_ID, created + rng.integers(0, 2 * SECOND, count), created)
    own_ids = uuids(rng, count)
    ids = pl.select(pl.when(pl.Series(where == OTHER_ID)).then(own_ids).otherwise(exports["id"])).to_series()
    status = np.where(only_here, pick(rng, 4, count, (8, 1, 1, 1)), 0)
    unfinished = status != 0
    return pl.DataFrame(
        {
            "id": ids,
            "user_id": exports["user_id"],
            "campaign_id": null_where(report, exports["campaign_id"]),
            "export_type": take(_EXPORT_TYPES, np.where(report, rng.choice((0, 2, 4), count), 3)),
            "file_format": take(_DASHBOARD_FORMATS, exports["format"]),
            "start_date": dates(created - 30 * DAY),
            "end_date": dates(created),
            "campaign_ids": null_where(~report, "{" + exports["campaign_id"] + "}"),
            "row_count": exports["rows"],
            "file_size_mb": ((exports["rows"] * 310 + 2048) / 1e6).round(2),
            "export_status": take(("completed", "pending", "processing", "failed"), status),
            "download_url": null_where(unfinished, _signed_urls(exports["id"])),
            "expires_at": times(written + 7 * DAY, unfinished),
            "created_at": times(written),
            "completed_at": times(written + 20 * SECOND, unfinished),
        }
    )
