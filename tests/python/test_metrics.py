"""Metrics as MetricFlow computes them, against the marts as the independent computation has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from clones import Clone, clone_into
from conftest import REPOSITORY, build, environment_of, execute, libpq_environment, new_database, spare_parsing
from dbt_metricflow.cli.cli_configuration import CLIConfiguration
from embedded_postgres import Server
from generate_sample_data import generate
from independent.marts import expected_marts
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

Row = dict[str, Any]
METRICS = {
    metric["name"]: metric
    for metric in yaml.safe_load((REPOSITORY / "models" / "metrics" / "metrics.yml").read_text(encoding="utf-8"))[
        "metrics"
    ]
}
LEAD_VALUE = 10  # the variable qualified_lead_value_usd
READER = "metrics_reader"


@pytest.fixture(scope="module")
def dsn(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with new_database(server) as dsn:
        generate(dsn, "hybrid", api_calls=3_000, seed=1)
        build(dsn, tmp_path_factory.mktemp("target"), "--exclude-resource-type", "test")
        yield dsn


@pytest.fixture(scope="module")
def clone(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = clone_into(tmp_path_factory.mktemp("metrics") / "clone")
    clone.run("scripts/setup").check_returncode()  # makes profiles.yml
    spare_parsing(clone.folder / "target", environment_of(dsn))
    clone.run(".venv/bin/dbt", "parse", "--quiet", **environment_of(dsn)).check_returncode()
    return clone


@pytest.fixture(scope="module")
def metricflow(dsn: str, clone: Clone) -> Iterator[MetricFlowEngine]:
    """As somebody who has the reporter's rights and no other."""
    execute(
        dsn,
        f"create role {READER} login password 'x';"
        f"grant usage on schema analytics, analytics_metrics to {READER};"
        f"grant select on all tables in schema analytics, analytics_metrics to {READER}",
    )
    configuration = CLIConfiguration()
    with libpq_environment({**environment_of(dsn), "PGUSER": READER, "PGPASSWORD": "x"}):
        configuration.setup(clone.folder, clone.folder, configure_file_logging=False)
        yield configuration.mf
    execute(dsn, f"drop owned by {READER}; drop role {READER}")


@pytest.fixture(scope="module")
def marts_on(dsn: str) -> Callable[[date], dict[str, list[Row]]]:
    """Each mart's rows as they are on a day, computed from the source without dbt."""

    @cache
    def computed(day: date) -> dict[str, list[Row]]:
        frames = expected_marts(dsn, now=datetime(day.year, day.month, day.day, 23, 59, tzinfo=timezone.utc))
        return {mart: frame.to_dicts() for mart, frame in frames.items()}

    return computed


@pytest.fixture
def marts(marts_on: Callable[[date], dict[str, list[Row]]]) -> dict[str, list[Row]]:
    """The same, for what is the same on every day."""
    return marts_on(today())


def today() -> date:
    return datetime.now(timezone.utc).date()


def ask_on_one_day(metricflow: MetricFlowEngine, metrics: Iterable[str], *groups: str) -> tuple[date, dict[tuple, Row]]:
    """The same as `ask`, and the day on which it was asked, from its beginning to its end."""
    while True:
        day, rows = today(), ask(metricflow, metrics, *groups)
        if day == today():
            return day, rows


def ask(metricflow: MetricFlowEngine, metrics: Iterable[str], *groups: str) -> dict[tuple, Row]:
    """Rows by their groups: text, dates for days, None for none."""
    request = MetricFlowQueryRequest.create(metric_names=list(metrics), group_by_names=list(groups))
    table = metricflow.query(request).result_df
    rows = [dict(zip(table.column_names, values, strict=True)) for values in table.rows]
    return {tuple(_plain(row.pop(group)) for group in groups): row for row in rows}


def _plain(value: Any) -> Any:
    return value.date() if isinstance(value, datetime) else value if value is None else str(value)


def grouped(rows: Iterable[Row], key: Callable[[Row], tuple]) -> dict[tuple, list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def total(rows: Iterable[Row], column: str) -> Decimal | None:
    values = [row[column] for row in rows if row[column] is not None]
    return sum(values, start=Decimal(0)) if values else None


def ratio(numerator: Decimal | None, denominator: Decimal | None) -> Decimal | None:
    return numerator / denominator if numerator is not None and denominator else None


def assert_same(actual: dict[tuple, Row], expected: dict[tuple, Row]) -> None:
    assert actual.keys() == expected.keys()
    for key, row in expected.items():
        for metric, value in row.items():
            found = actual[key][metric]
            assert (found is None) == (value is None), (key, metric, found, value)
            assert value is None or float(found) == pytest.approx(float(value), rel=1e-6, abs=1e-4), (key, metric)


def of_calls(rows: list[Row]) -> Row:
    calls, errors = total(rows, "request_count"), total(rows, "error_count")
    spend = total(rows, "total_cost")
    return {"api_calls": calls, "api_errors": errors, "error_rate": ratio(errors, calls), "api_spend": spend}


def of_leads(rows: list[Row]) -> Row:
    leads, qualified = total(rows, "leads_discovered"), total(rows, "leads_qualified")
    cost = total(rows, "lead_cost")
    value = qualified * LEAD_VALUE
    return {
        "leads": leads,
        "qualified_leads": qualified,
        "qualification_rate": ratio(qualified, leads),
        "lead_cost": cost,
        "cost_per_qualified_lead": ratio(cost, qualified),
        "qualified_lead_value": value,
        "roi_percentage": ratio((value - cost) * 100, cost),
    }


def of_service_days(rows: list[Row]) -> Row:
    percentiles = [row["p95_response_time_ms"] for row in rows if row["p95_response_time_ms"] is not None]
    return {"list_cost": total(rows, "list_cost"), "p95_response_time_ms": max(percentiles, default=None)}


def of_reconciliation(rows: list[Row]) -> Row:
    return {"double_count_avoided": total(rows, "double_count_avoided")}


PERIODS: dict[str, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
}
BY_MART = {
    "api_cost_tracking": of_calls,
    "campaign_performance_daily": of_leads,
    "api_service_breakdown": of_service_days,
    "api_usage_reconciliation": of_reconciliation,
}


def day_of(row: Row) -> date:
    return row["date"] if isinstance(row["date"], date) else date.fromisoformat(row["date"])


@pytest.mark.parametrize("mart", BY_MART)
@pytest.mark.parametrize("period", PERIODS)
def test_by_time(metricflow: MetricFlowEngine, marts: dict[str, list[Row]], mart: str, period: str) -> None:
    start = PERIODS[period]
    expected = {
        key: BY_MART[mart](rows) for key, rows in grouped(marts[mart], lambda row: (start(day_of(row)),)).items()
    }
    actual = ask(metricflow, next(iter(expected.values())), f"metric_time__{period}")
    if mart == "api_service_breakdown":
        _assert_percentiles_near(actual, expected)
    assert_same(actual, expected)


@pytest.mark.parametrize("mart", [mart for mart in BY_MART if mart != "campaign_performance_daily"])
def test_by_service(metricflow: MetricFlowEngine, marts: dict[str, list[Row]], mart: str) -> None:
    groups = grouped(marts[mart], lambda row: (row["api_service"],))
    expected = {key: BY_MART[mart](rows) for key, rows in groups.items()}
    actual = ask(metricflow, next(iter(expected.values())), "service")
    if mart == "api_service_breakdown":
        _assert_percentiles_near(actual, expected)
    assert_same(actual, expected)


def _assert_percentiles_near(actual: dict[tuple, Row], expected: dict[tuple, Row]) -> None:
    """The marts' percentiles are within 5 % of the exact ones, which the independent computation has."""
    for key, row in expected.items():
        found, exact = actual[key].pop("p95_response_time_ms"), row.pop("p95_response_time_ms")
        assert (found is None) == (exact is None), key
        assert exact is None or float(found) == pytest.approx(float(exact), rel=0.05), key


@pytest.mark.parametrize("mart", ["api_cost_tracking", "campaign_performance_daily"])
@pytest.mark.parametrize(
    ("group", "column"),
    [
        ("campaign", "campaign_id"),
        ("account", "user_id"),
        ("campaign__campaign_name", "campaign_name"),
        ("campaign__business_type", "business_type"),
        ("campaign__location", "location"),
    ],
)
def test_by_who_and_what(
    metricflow: MetricFlowEngine, marts: dict[str, list[Row]], mart: str, group: str, column: str
) -> None:
    campaigns = {row["campaign_id"]: row for row in marts["campaign_analytics"]}

    def key(row: Row) -> tuple:
        return ((row if "__" not in group else campaigns.get(row["campaign_id"], {})).get(column),)

    expected = {key: BY_MART[mart](rows) for key, rows in grouped(marts[mart], key).items()}
    assert_same(ask(metricflow, next(iter(expected.values())), group), expected)


def test_cumulative(metricflow: MetricFlowEngine, marts: dict[str, list[Row]]) -> None:
    """On each day until today, whether or not there is a call."""
    spend = {key: total(rows, "total_cost") for (key,), rows in _days(marts["api_cost_tracking"]).items()}
    cost = {key: total(rows, "lead_cost") for (key,), rows in _days(marts["campaign_performance_daily"]).items()}
    metrics = ("cumulative_api_spend", "cumulative_lead_cost", "api_spend_month_to_date")
    last_day, actual = ask_on_one_day(metricflow, metrics, "metric_time__day")
    assert max(day for (day,) in actual) == last_day
    for (day,), row in actual.items():
        so_far = [value for other, value in spend.items() if other <= day]
        in_month = [value for other, value in spend.items() if day.replace(day=1) <= other <= day]
        of_leads = [value for other, value in cost.items() if other <= day]
        for metric, values in zip(metrics, (so_far, of_leads, in_month), strict=True):
            expected = sum(value for value in values if value is not None) if values else None
            assert float(row[metric] or 0) == pytest.approx(float(expected or 0), abs=1e-4), (day, metric)


def _days(rows: list[Row]) -> dict[tuple, list[Row]]:
    return grouped(rows, lambda row: (day_of(row),))


def test_change_from_last_week(metricflow: MetricFlowEngine, marts: dict[str, list[Row]]) -> None:
    week = PERIODS["week"]
    calls = grouped(marts["api_cost_tracking"], lambda row: (week(day_of(row)),))
    leads = grouped(marts["campaign_performance_daily"], lambda row: (week(day_of(row)),))
    spend = {key: total(rows, "total_cost") for (key,), rows in calls.items()}
    price = {key: of_leads(rows)["cost_per_qualified_lead"] for (key,), rows in leads.items()}
    metrics = ("api_spend_change_from_last_week", "cost_per_qualified_lead_change_from_last_week")
    actual = ask(metricflow, metrics, "metric_time__week")
    changes = 0
    for (start,), row in actual.items():
        for metric, values in zip(metrics, (spend, price), strict=True):
            now, before = values.get(start), values.get(start - timedelta(days=7))
            expected = now - before if now is not None and before is not None else None
            assert (row[metric] is None) == (expected is None), (start, metric)
            assert expected is None or float(row[metric]) == pytest.approx(float(expected), abs=1e-4)
            changes += expected is not None
    assert changes > 10


@pytest.mark.parametrize("period", ["day", "month"])
def test_budgets(metricflow: MetricFlowEngine, marts_on: Callable[[date], dict[str, list[Row]]], period: str) -> None:
    """The last day of each user in the period. Spend of nobody has no budget."""
    budgets = ("budgeted_month_to_date_spend", "monthly_budget", "budget_utilization")
    day, actual = ask_on_one_day(metricflow, budgets, f"metric_time__{period}", "account")
    of_users = [row for row in marts_on(day)["budget_status"] if row["user_id"] is not None]
    groups = grouped(of_users, lambda row: (PERIODS[period](day_of(row)), row["user_id"]))
    expected = {}
    for key, rows in groups.items():
        last = max(rows, key=day_of)
        limited = bool(last["monthly_budget_limit"])
        spent = last["month_to_date_spend"] if limited else None
        limit = last["monthly_budget_limit"] if limited else None
        expected[key] = dict(zip(budgets, (spent, limit, ratio(spent, limit)), strict=True))
    assert_same(actual, expected)
    assert any(row["budget_utilization"] is not None for row in actual.values())


def test_every_metric_is_tested(server: Server) -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in METRICS if f'"{name}"' not in source] == []


def test_the_command(clone: Clone, dsn: str) -> None:
    """What docs/looking.md shows, and MetricFlow's own check of models and metrics against the database."""
    environment = environment_of(dsn)
    checked = clone.run(".venv/bin/mf", "validate-configs", **environment)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("ERRORS: 0, FUTURE_ERRORS: 0") >= 6, checked.stdout
    asked = clone.run(
        *(".venv/bin/mf", "query", "--metrics", "api_spend,cost_per_qualified_lead", "--group-by", "metric_time__week"),
        **environment,
    )
    assert asked.returncode == 0, asked.stdout
    assert "cost_per_qualified_lead" in asked.stdout
