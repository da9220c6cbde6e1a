"""From an empty source to a filled one, and from one build to the next, the marts show what is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import build, execute, query
from test_golden import ROWS, TABLES

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

TODAY = ("campaign_metrics.recorded_at",)
"""Columns that hold the time of the query."""


def test_empty_filled_rebuilt_and_refreshed(empty_database: str, tmp_path: Path):
    dsn = empty_database
    execute(dsn, TABLES)
    build(dsn, tmp_path)
    assert _rows(dsn) == dict.fromkeys(_marts(dsn), [])

    execute(dsn, ROWS)
    build(dsn, tmp_path, "--resource-type", "model")
    loaded = _rows(dsn)
    assert all(loaded.values()), [mart for mart, rows in loaded.items() if not rows]

    build(dsn, tmp_path, "--resource-type", "model")
    assert _rows(dsn) == loaded
    build(dsn, tmp_path, "--full-refresh")
    assert _rows(dsn) == loaded


def _marts(dsn: str) -> list[str]:
    listing = "select relname from pg_class where relnamespace = 'analytics'::regnamespace order by relname"
    marts = [mart for (mart,) in query(dsn, listing)]
    assert len(marts) == 12
    return marts


def _rows(dsn: str) -> dict[str, list[tuple]]:
    """All rows of each mart as text, without what changes from one query to the next."""
    changing = "'{" + ", ".join(name.split(".")[1] for name in TODAY) + "}'::text[]"
    every_row = "select (to_jsonb(mart) - {})::text from analytics.{} as mart order by 1"
    return {mart: query(dsn, every_row.format(changing, mart)) for mart in _marts(dsn)}
