"""Ten thousand rows that no application should write, in tables without constraints: no build fails, no row is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from conftest import NO_TESTS, assert_equal_marts, build, copy_of, environment_of, mart_rows, new_database, query
from embedded_postgres import Server
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg2 import sql
from psycopg2.extras import execute_values
from test_drift import Source

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

ROWS = 10_000
KEYS = [f"00000000-0000-4000-8000-{number:012}" for number in range(60)]
TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "\n", "NULL", "NaN", "'; drop schema analytics cascade; --", "{{ 1 / 0 }}", "x" * 100_000]
    ),
    st.sampled_from(["running", "archived", "qualified", "hunter_io", "Hunter.IO", "verify-email", "deliverable"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
)
# As JSON's own text: some of it no jsonb can hold, and no UTF-8 text.
JSON = st.one_of(
    st.sampled_from(
        ['"\\u0000"', '"\\ud800"', "1e999", "-0", "[[[]]]", "null", '""', '{"a": 1, "a": 2}', "[" * 50 + "]" * 50]
    ),
    st.dictionaries(
        st.sampled_from(["min_confidence_score", "budget_alert_threshold", "sources", "is_valid", "status", "lat"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            TEXTS,
            st.lists(st.none(), max_size=2),
            st.just({"": {}}),
        ),
        max_size=3,
    ).map(json.dumps),
)
TIMES = ["infinity", "-infinity", "0001-01-01", "9999-12-31 23:59:59.999999+00", "4713-01-01 BC", "294276-12-31"]
TIMES += ["2026-01-01 10:00+00", "2026-01-01 10:00:04+00", "2026-03-29 01:30+00"]
VALUES = {
    "uuid": st.sampled_from(KEYS),
    "text": TEXTS,
    "json": JSON,
    "numeric": st.sampled_from(
        ["NaN", "Infinity", "-Infinity", "1e300", "-1e-300", "0.00005", "-1", "0.1", "999999.9999"]
    ),
    "integer": st.sampled_from([-(2**31), -1, 0, 7, 80, 100, 101, 2**31 - 1]),
    "bigint": st.sampled_from([-(2**63), 0, 2**63 - 1]),
    "boolean": st.booleans(),
    "timestamp with time zone": st.sampled_from(TIMES),
    "date": st.sampled_from(["infinity", "-infinity", "0001-01-01", "9999-12-31", "5874897-12-31", "2026-01-01"]),
    "point": st.sampled_from(["(NaN,0)", "(Infinity,-Infinity)", "(13.4,52.5)", "(1e300,-1e300)"]),
    "text[]": st.sampled_from(["{}", "{NULL}", '{"",a}']),
    "uuid[]": st.sampled_from(["{}", "{NULL}", f"{{{KEYS[0]},{KEYS[0]}}}"]),
}


def column_type(declared: str) -> str:
    """The type of the bad column: without the bounds of the declared one."""
    return "json" if declared == "jsonb" else "numeric" if declared.startswith("numeric") else declared


@pytest.fixture(scope="module")
def rows(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, dict[str, list[dict]]]]:
    """Connection string, dbt's target folder and the rows of each table. Without them first, then with them, built."""
    target_path = tmp_path_factory.mktemp("target")
    with new_database(server) as dsn:
        source = Source(dsn)
        for table, columns in source.declared.items():
            source.create(table, **{column["name"]: column_type(column["data_type"]) for column in columns})
        build(dsn, target_path, *NO_TESTS)
        written = {
            table: bad_rows(columns, ROWS // len(source.declared) + 1) for table, columns in source.declared.items()
        }
        for table, its_rows in written.items():
            insert(dsn, table, its_rows)
        build(dsn, target_path)
        yield dsn, target_path, written


def bad_rows(columns: list[dict], count: int) -> list[dict[str, Any]]:
    drawn = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(
        st.fixed_dictionaries(
            {column["name"]: st.none() | VALUES[column_type(column["data_type"])] for column in columns}
        )
    )
    def draw(row: dict[str, Any]) -> None:
        drawn.append(row)

    draw()
    assert len(drawn) >= count * 0.9
    return drawn


def insert(dsn: str, table: str, its_rows: list[dict[str, Any]]) -> None:
    names = list(its_rows[0])
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        statement = sql.SQL("insert into {} ({}) values %s").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
        )
        execute_values(cursor, statement.as_string(connection), [[row[name] for name in names] for row in its_rows])


def test_every_mart_answers(rows: tuple) -> None:
    for mart, its_rows in mart_rows(rows[0]).items():
        assert its_rows, mart


def test_incremental_runs_give_what_a_full_refresh_gives(server: Server, rows: tuple) -> None:
    dsn, target_path, _ = rows
    with copy_of(server, environment_of(dsn)["PGDATABASE"]) as incremental:
        build(dsn, target_path, "--full-refresh", *NO_TESTS)
        assert_equal_marts(dsn, incremental)


def records(its_rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that repeat a key are one record, the last of them."""
    last = {row["id"]: row for row in its_rows if row["id"] is not None}
    return [*last.values(), *(row for row in its_rows if row["id"] is None)]


def test_no_record_of_a_log_is_lost_or_counted_twice(rows: tuple) -> None:
    dsn, _, written = rows
    ((usage_calls, log_calls, usage_cost, log_cost),) = query(
        dsn,
        "select sum(usage_calls), sum(log_calls), sum(usage_cost), sum(log_cost)"
        " from analytics_intermediate.int_service_usage_daily",
    )
    usage, log = records(written["api_usage"]), records(written["api_usage_log"])
    assert (usage_calls, log_calls) == (len(usage), len(log))
    assert usage_cost == sum(readable(row["cost"], "999999.9999999999") for row in usage)
    assert log_cost == sum(readable(row["request_cost"], "9999.9999999999") for row in log)


def readable(value: str | None, largest: str) -> Decimal:
    """What the declared type holds of a number: ten decimals; nothing where it is no number, or too large."""
    number = Decimal(value or 0)
    if not number.is_finite() or abs(number) > Decimal(largest):
        return Decimal(0)
    return number.quantize(Decimal("1e-10"), "ROUND_HALF_UP")


def test_no_lead_is_lost_or_counted_twice(rows: tuple) -> None:
    dsn, _, written = rows
    businesses, others = records(written["businesses"]), records(written["enhanced_leads"])
    known = {row["id"] for row in businesses} - {None}
    count = len(businesses) + sum(row["id"] not in known for row in others)
    assert query(dsn, "select count(*) from analytics.enhanced_leads") == [(count,)]


def test_repeated_keys_are_listed(rows: tuple) -> None:
    dsn, _, written = rows
    keys = [row["id"] for row in written["api_usage"] if row["id"] is not None]
    repeated = {key for key in keys if keys.count(key) > 1}
    assert query(dsn, "select count(*) from analytics_audit.source_api_usage_key where id is not null") == [
        (len(repeated),)
    ]
