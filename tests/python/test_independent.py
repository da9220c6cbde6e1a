"""The marts that dbt builds against the independent computation, and both against the generator's truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import psycopg2
import pytest
from changes import (
    CALL_ACROSS_THE_WATERMARK,
    DROP_CONSTRAINTS,
    LATE_ROWS,
    NEW_CALLS,
    NEW_EMAILS,
    NEW_LEADS,
    OLD_CORRECTIONS,
    OTHER_CHANGES,
    at,
)
from conftest import ONE_SERVER, ShapeDatabase, copy_of, describe_failures, environment_of, execute, run_dbt
from embedded_postgres import Server
from hypothesis import given, settings
from hypothesis import strategies as st
from independent import maximum_matching_size, pair_times
from independent.calls import maximum_pairs
from independent.contract import JSON_COLUMNS, KEYS, MARTS, TEXT, TEXTS, frame
from independent.marts import Facts, marts_of, read_facts
from independent.source import as_json
from psycopg2 import sql

SHOWN_DIFFERENCES = 5
PERCENTILE_TOLERANCE = Decimal("0.05")
TRUTH_TOLERANCE = Decimal("0.005")
LEAST_SHARE_OF_PAIRS = Decimal("0.999")
SECOND = 1_000_000


@dataclass(frozen=True, repr=False)
class Marts:
    """Both sides of the comparison, as of one moment."""

    facts: Facts
    expected: dict[str, pl.DataFrame]
    actual: dict[str, pl.DataFrame]
    truth: dict[str, Any]


@pytest.fixture(scope="module")
def marts(shape_database: ShapeDatabase) -> Marts:
    return read_marts(shape_database.dsn, shape_database.truth)


def read_marts(dsn: str, truth: dict[str, Any]) -> Marts:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("select now()")
            (now,) = cursor.fetchone()
            actual = {mart: frame(mart, _read_mart(cursor, mart)) for mart in MARTS}
    facts = read_facts(dsn, "public", now)
    return Marts(facts, marts_of(facts), actual, truth)


def _read_mart(cursor: Any, mart: str) -> Iterator[dict[str, Any]]:
    columns = MARTS[mart]
    expressions = [_expression(name, kind) for name, kind in columns.items()]
    cursor.execute(sql.SQL("select {} from analytics.{}").format(sql.SQL(", ").join(expressions), sql.Identifier(mart)))
    for values in cursor:
        row = dict(zip(columns, values, strict=True))
        for name, kind in columns.items():
            if row[name] is not None and (name in JSON_COLUMNS or kind == TEXTS):
                row[name] = as_json(row[name])
        yield row


def _expression(name: str, kind: pl.DataType) -> sql.Composable:
    if name == "has_error":
        return sql.SQL("last_error is not null")
    template = {TEXT: "{}::text", TEXTS: "to_jsonb({})::text"}.get(kind, "{}")
    return sql.SQL(template).format(sql.Identifier(name))


@pytest.mark.parametrize("mart", MARTS)
def test_mart_equals_the_independent_computation(marts: Marts, mart: str) -> None:
    assert_equal(marts, mart)


def assert_equal(marts: Marts, mart: str) -> None:
    differences = list(_differences(mart, marts.expected[mart], marts.actual[mart]))
    if differences:
        shown = "\n".join(differences[:SHOWN_DIFFERENCES])
        columns = Counter(difference.split(": ")[1] for difference in differences)
        pytest.fail(f"{mart}: {len(differences)} differences {dict(columns)}, the first:\n{shown}", pytrace=False)


@ONE_SERVER
@pytest.mark.parametrize("shape_database", ["hybrid"], indirect=True)
def test_marts_follow_the_source(server: Server, shape_database: ShapeDatabase, tmp_path: Path) -> None:
    """New rows at once, and with the next run what has come late or has changed, wherever it lies."""
    with copy_of(server, shape_database.shape) as dsn:
        execute(dsn, DROP_CONSTRAINTS)
        now = datetime.now(timezone.utc)
        execute(dsn, at(NEW_CALLS + NEW_LEADS, 1, now, "0.5 seconds"))
        unseen = read_marts(dsn, {})
        for mart in MARTS:
            assert_equal(unseen, mart)
        # In the copy nothing has been counted yet, so that the first run looks at everything; the second need not.
        for changes in (NEW_CALLS + NEW_LEADS + NEW_EMAILS + OTHER_CHANGES + LATE_ROWS, OLD_CORRECTIONS):
            execute(dsn, at(changes, 2, now, "7 minutes"))
            run(dsn, tmp_path, "--select", "path:models/intermediate/rollups")
            seen = read_marts(dsn, {})
            for mart in MARTS:
                assert_equal(seen, mart)
        # The watermark stays where it is while a run takes in the first record of a call whose second comes after it.
        execute(dsn, at(CALL_ACROSS_THE_WATERMARK[0], 0, now, ""))
        run(dsn, tmp_path, "--select", "path:models/intermediate/rollups", "--vars", "{rollup_settle_seconds: 86400}")
        execute(dsn, at(CALL_ACROSS_THE_WATERMARK[1], 0, now, ""))
        across = read_marts(dsn, {})
        # That it is in both logs is found when the watermark has passed both.
        for mart in set(MARTS) - {"api_usage_reconciliation"}:
            assert_equal(across, mart)


def run(dsn: str, target_path: Path, *arguments: str) -> None:
    result = run_dbt(["run", "--target-path", str(target_path), *arguments], environment_of(dsn))
    assert result.success, describe_failures(result)


def _differences(mart: str, expected: pl.DataFrame, actual: pl.DataFrame) -> Iterator[str]:
    """One line for each differing value: `key: column: expected …, is …`, and for each row that one side lacks."""
    expected_rows, actual_rows = _rows_by_key(mart, expected), _rows_by_key(mart, actual)
    for key in expected_rows.keys() | actual_rows.keys():
        wanted, found = expected_rows[key], actual_rows[key]
        if len(wanted) != len(found):
            yield f"{key}: number of rows: expected {len(wanted)}, is {len(found)}"
            continue
        for wanted_row, found_row in zip(wanted, found, strict=True):
            for column, wanted_value in wanted_row.items():
                if not _is_same(column, wanted_value, found_row[column]):
                    yield f"{key}: {column}: expected {wanted_value}, is {found_row[column]}"


def _rows_by_key(mart: str, rows: pl.DataFrame) -> defaultdict[str, list[dict[str, Any]]]:
    groups: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.iter_rows(named=True):
        groups[" | ".join(str(row[column]) for column in KEYS[mart])].append(row)
    for group in groups.values():
        group.sort(key=str)
    return groups


def _is_same(column: str, expected: Any, actual: Any) -> bool:
    if column.startswith("p") and column.endswith("_response_time_ms") and None not in (expected, actual):
        return abs(actual - expected) <= PERCENTILE_TOLERANCE * abs(expected)
    return actual == expected


def test_counted_calls_and_cost_are_near_the_truth(marts: Marts) -> None:
    reconciliation = marts.actual["api_usage_reconciliation"]
    for column, truth in (("counted_calls", "api_calls"), ("counted_cost", "api_cost")):
        counted, true = Decimal(reconciliation[column].sum()), Decimal(marts.truth[truth]["total"])
        assert abs(counted - true) <= TRUTH_TOLERANCE * true, f"{column}: {counted}, in truth {true}"


def test_leads_and_exports_are_those_of_the_truth(marts: Marts) -> None:
    leads = marts.actual["enhanced_leads"]
    found = {
        "leads": len(leads),
        "lead_cost": leads["total_cost"].sum(),
        "qualified_leads": leads["is_qualified"].sum(),
        "exports": len(marts.actual["dashboard_exports"]),
    }
    assert found == {name: Decimal(marts.truth[name]) for name in found}


def test_planted_defects_are_listed_and_no_other(marts: Marts) -> None:
    planted = {(kind, *record) for kind, records in marts.truth["defects"].items() for record in records}
    listed = set(marts.actual["data_quality_issues"].select("issue_type", "source_table", "record_id").rows())
    missing, unplanted = sorted(planted - listed), sorted(listed - planted)
    assert not missing, f"{len(missing)} planted defects are not listed, the first: {missing[:SHOWN_DIFFERENCES]}"
    assert not unplanted, f"{len(unplanted)} were not planted, the first: {unplanted[:SHOWN_DIFFERENCES]}"


def test_pairs_are_nearly_as_many_as_any_pairing_could_have(marts: Marts) -> None:
    pairs = marts.actual["api_usage_reconciliation"]["paired_calls"].sum()
    most = maximum_pairs(marts.facts.calls, marts.facts.reference.seconds("api_log_match_tolerance_seconds"))
    assert LEAST_SHARE_OF_PAIRS * most <= pairs <= most, f"{pairs} pairs, at most {most} are possible"


TOLERANCE = 5 * SECOND
BLOCK = 120 * TOLERANCE
REACH = BLOCK + TOLERANCE
"""How far a changed row can change pairs."""

# Whole seconds make equal times and distances of exactly the tolerance common. Blocks meet at BLOCK and at 2 * BLOCK.
_moments = st.one_of(
    st.integers(0, 60).map(lambda second: second * SECOND),
    st.integers(0, 60 * SECOND),
    st.sampled_from([BLOCK, 2 * BLOCK]).flatmap(
        lambda border: st.integers(-12, 12).map(lambda second: border + second * SECOND)
    ),
)
_logs = st.lists(_moments, max_size=40).map(sorted)


@settings(max_examples=300, deadline=None)
@given(usage=_logs, log=_logs, changed=_moments, is_usage=st.booleans())
def test_pairing(usage: list[int], log: list[int], changed: int, is_usage: bool) -> None:
    pairs = pair_times(usage, log, TOLERANCE)
    paired_usage, paired_log = {first for first, _ in pairs}, {second for _, second in pairs}
    assert len(paired_usage) == len(paired_log) == len(pairs), "a row is paired twice"
    assert all(abs(usage[first] - log[second]) <= TOLERANCE for first, second in pairs)
    left_usage = [time for position, time in enumerate(usage) if position not in paired_usage]
    left_log = [time for position, time in enumerate(log) if position not in paired_log]
    assert all(abs(first - second) > TOLERANCE for first in left_usage for second in left_log), "a pair was missed"
    assert len(pairs) <= maximum_matching_size(usage, log, TOLERANCE) <= 2 * len(pairs)

    more_usage = sorted([*usage, changed]) if is_usage else usage
    more_log = log if is_usage else sorted([*log, changed])
    before = _paired_moments(usage, log, pairs)
    after = _paired_moments(more_usage, more_log, pair_times(more_usage, more_log, TOLERANCE))
    touched = (before - after) + (after - before)
    assert all(abs(time - changed) <= REACH for pair in touched for time in pair), "a far row changed its pair"


def _paired_moments(usage: list[int], log: list[int], pairs: list[tuple[int, int]]) -> Counter[tuple[int, int]]:
    return Counter((usage[first], log[second]) for first, second in pairs)


@settings(deadline=None)
@given(
    usage=st.lists(st.integers(0, 12), max_size=6).map(sorted), log=st.lists(st.integers(0, 12), max_size=6).map(sorted)
)
def test_maximum_matching_size_is_that_of_an_exhaustive_search(usage: list[int], log: list[int]) -> None:
    assert maximum_matching_size(usage, log, 2) == _largest_matching(usage, log, 2)


def _largest_matching(usage: list[int], log: list[int], tolerance: int) -> int:
    if not usage:
        return 0
    best = _largest_matching(usage[1:], log, tolerance)
    for position, time in enumerate(log):
        if abs(time - usage[0]) <= tolerance:
            best = max(best, 1 + _largest_matching(usage[1:], log[:position] + log[position + 1 :], tolerance))
    return best
