"""Defects planted in lead rows, and what the rows as written amount to."""

import numpy as np
import polars as pl

from .campaigns import DEFAULT_THRESHOLD
from .defects import FUTURE, Defects, Draw, overwrite
from .leads import ENHANCED, TWIN, LeadRows
from .values import USD, times, uuids

_COST_PARTS = ("discovery_cost", "enrichment_cost", "validation_cost")
_BUSINESS_JSON = (
    ("enrichment_sources", '{"google_places": true}'),
    ("enrichment_data", '["Ana Baker"]'),
    ("validation_status", '"valid"'),
)
_ENHANCED_JSON = (("enrichment_sources", '["google_places"]'),)


class LeadSpoiler:
    """Plants `planted` defects of each kind in the leads of a chunk. A lead gets one defect at most; twins get none."""

    def __init__(self, rng: np.random.Generator, until: int, planted: int) -> None:
        self._rng, self._until, self._planted = rng, until, planted
        self.defects = Defects()

    def spoil(self, rows: LeadRows, leads: pl.DataFrame, who: pl.DataFrame) -> LeadRows:
        """The rows with defects. `leads` and `who` describe the chunk's leads by number."""
        originals = _originals(leads, who)
        home = leads["home"].to_numpy()
        businesses, enhanced = rows.businesses, rows.enhanced
        if len(businesses):
            eligible = ~leads["is_first"].to_numpy()[rows.business_leads] & (home[rows.business_leads] != TWIN)
            draw = Draw(self._rng, eligible)
            businesses = self._spoil_any("businesses", businesses, draw, _BUSINESS_JSON)
            stage_rows = draw.take(self._planted)
            businesses = overwrite(businesses, "processing_stage", stage_rows, ["parked", "re-checking"])
            self._note("unknown_status", "businesses", businesses, stage_rows)
            businesses = self._duplicate(
                "businesses", businesses, draw, originals[leads["campaign"].gather(rows.business_leads).to_numpy()]
            )
        if len(enhanced):
            eligible = ~leads["is_first"].to_numpy()[rows.enhanced_leads] & (home[rows.enhanced_leads] == ENHANCED)
            draw = Draw(self._rng, eligible)
            enhanced = self._spoil_any("enhanced_leads", enhanced, draw, _ENHANCED_JSON)
            score_rows = draw.take(self._planted)
            enhanced = overwrite(enhanced, "data_completeness_score", score_rows, [120, -1])
            self._note("score_out_of_range", "enhanced_leads", enhanced, score_rows)
            enhanced = self._duplicate(
                "enhanced_leads", enhanced, draw, originals[leads["campaign"].gather(rows.enhanced_leads).to_numpy()]
            )
        return LeadRows(businesses, rows.business_leads, enhanced, rows.enhanced_leads)

    def _note(self, issue_type: str, table: str, frame: pl.DataFrame, rows: np.ndarray) -> None:
        self.defects.add(issue_type, table, frame["id"].gather(rows))

    def _spoil_any(self, table: str, frame: pl.DataFrame, draw: Draw, malformed: tuple) -> pl.DataFrame:
        """The defects that both tables can hold."""

        def plant(issue_type: str, column: str, values) -> None:
            nonlocal frame
            rows = draw.take(self._planted)
            frame = overwrite(frame, column, rows, values)
            self._note(issue_type, table, frame, rows)

        plant("orphan_business", "campaign_id", [None])
        plant("orphan_business", "campaign_id", uuids(self._rng, self._planted))
        plant("negative_cost", "enrichment_cost", [-0.5, -0.0980])
        plant("future_timestamp", "created_at", times([self._until + FUTURE]))
        plant("score_out_of_range", "confidence_score", [150, -5, 101])
        for column, value in malformed:
            plant("malformed_json_field", column, [value])
        rows = draw.take(self._planted)
        for part in _COST_PARTS:
            if part in frame.columns:
                frame = overwrite(frame, part, rows, [None])
        self._note("missing_cost", table, frame, rows)
        return frame

    def _duplicate(self, table: str, frame: pl.DataFrame, draw: Draw, originals: pl.DataFrame) -> pl.DataFrame:
        """Give leads the identity of their campaign's first lead. `originals`: that lead, for each row of the frame."""
        rows = draw.take(self._planted)
        frame = overwrite(frame, "business_name", rows, originals["name"].gather(rows).str.to_uppercase())
        frame = overwrite(frame, "phone", rows, originals["phone"].gather(rows))
        self._note("duplicate_lead", table, frame, rows)
        if "place_id" in frame.columns:
            rows = draw.take(self._planted)
            place_of = frame.filter(frame["id"].is_in(originals["id"].unique().implode())).select("id", "place_id")
            place = originals.select("id").join(place_of, on="id", how="left", maintain_order="left")["place_id"]
            frame = overwrite(frame, "place_id", rows, place.gather(rows))
            self._note("duplicate_lead", table, frame, rows)
        return frame


def _originals(leads: pl.DataFrame, who: pl.DataFrame) -> pl.DataFrame:
    """The first lead of each campaign (id, name, phone in another spelling), by the campaign's row number."""
    first = np.flatnonzero(leads["is_first"].to_numpy())
    return pl.DataFrame(
        {
            "id": leads["id"].gather(first),
            "name": who["business_name"].gather(first),
            "phone": who["phone_respelt"].gather(first),
        }
    )


def lead_totals(rows: LeadRows, leads: pl.DataFrame, thresholds: pl.DataFrame) -> pl.DataFrame:
    """One row per lead as it was written: id, campaign_id, cost, is_qualified.

    `thresholds` has campaign_id and threshold; a lead without a flag of its own is judged by them.
    """
    parts = []
    if len(rows.businesses):
        cost = sum((pl.col(part).fill_null(0) * USD).round().cast(pl.Int64) for part in _COST_PARTS)
        parts.append(
            rows.businesses.select("id", "campaign_id", cost.alias("cost"), pl.col("is_qualified").fill_null(False))
        )
    if len(rows.enhanced):
        own = leads["home"].to_numpy()[rows.enhanced_leads] == ENHANCED
        cost = sum((pl.col(part).fill_null(0) * USD).round().cast(pl.Int64) for part in _COST_PARTS[:2])
        threshold = pl.col("threshold").fill_null(DEFAULT_THRESHOLD)
        parts.append(
            rows.enhanced.filter(own)
            .join(thresholds, on="campaign_id", how="left", maintain_order="left")
            .select(
                "id",
                "campaign_id",
                cost.alias("cost"),
                pl.col("confidence_score").is_between(threshold, 100).alias("is_qualified"),
            )
        )
    return pl.concat(parts)
