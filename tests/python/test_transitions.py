"""From an empty source to a filled one, and from one build to the next, the marts show what is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MARTS, assert_equal_marts, build, copy_of, environment_of, execute, mart_rows
from embedded_postgres import Server
from test_golden import ROWS, TABLES

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)


def test_empty_filled_rebuilt_and_refreshed(server: Server, empty_database: str, tmp_path: Path):
    dsn = empty_database
    execute(dsn, TABLES)
    build(dsn, tmp_path)
    assert mart_rows(dsn) == dict.fromkeys(MARTS, [])

    execute(dsn, ROWS)
    build(dsn, tmp_path, "--resource-type", "model")
    filled = mart_rows(dsn)
    assert all(filled.values()), [mart for mart, rows in filled.items() if not rows]

    with copy_of(server, environment_of(dsn)["PGDATABASE"]) as before:
        build(dsn, tmp_path, "--resource-type", "model")
        assert_equal_marts(dsn, before)
        build(dsn, tmp_path, "--full-refresh")
        assert_equal_marts(dsn, before)
