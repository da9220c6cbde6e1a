"""From an empty source to a filled one, and from one build to the next, the marts show what is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MARTS, build, execute, mart_rows
from test_golden import ROWS, TABLES

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)


def test_empty_filled_rebuilt_and_refreshed(empty_database: str, tmp_path: Path):
    dsn = empty_database
    execute(dsn, TABLES)
    build(dsn, tmp_path)
    assert mart_rows(dsn) == dict.fromkeys(MARTS, [])

    execute(dsn, ROWS)
    build(dsn, tmp_path, "--resource-type", "model")
    loaded = mart_rows(dsn)
    assert all(loaded.values()), [mart for mart, rows in loaded.items() if not rows]

    build(dsn, tmp_path, "--resource-type", "model")
    assert mart_rows(dsn) == loaded
    build(dsn, tmp_path, "--full-refresh")
    assert mart_rows(dsn) == loaded
