"""Every query of the Grafana dashboards, run against the marts as the reporter would, with Grafana's macros expanded.

The expansions are those of Grafana's PostgreSQL data source; Grafana itself is not run.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

import pytest
import yaml
from conftest import REPOSITORY, ShapeDatabase, query
from exporting.reports import MARTS

pytestmark = [
    pytest.mark.parametrize("server", ["embedded"], indirect=True),
    pytest.mark.parametrize("shape_database", ["hybrid"], indirect=True),
]

FOLDER = REPOSITORY / "grafana"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").glob("*.json"))}
QUERIES = [
    pytest.param(name, panel, target, id=f"{name}-{panel['id']}")
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    for target in panel["targets"]
]
SECONDS = {"1d": 86_400, "1h": 3_600, "5m": 300}
PERIOD = timedelta(days=120)


def expand(statement: str, variables: dict[str, list[str]], interval: str = "1h") -> str:
    """The statement that Grafana would send: variables as quoted lists, then the macros."""
    statement = statement.replace("$__interval", interval)
    for name, values in variables.items():
        quoted = ",".join("'" + value.replace("'", "''") + "'" for value in values)
        statement = statement.replace(f"${name}", quoted)

    def group(match: re.Match) -> str:
        size = SECONDS[match["interval"].strip("' ")]
        alias = ' AS "time"' if match["alias"] else ""
        return f"floor(extract(epoch from {match['column']})/{size})*{size}{alias}"

    statement = re.sub(r"\$__timeGroup(?P<alias>Alias)?\((?P<column>[^,)]+),(?P<interval>[^,)]+)\)", group, statement)
    until = datetime.now(timezone.utc)
    between = f"BETWEEN '{until - PERIOD:%Y-%m-%dT%H:%M:%SZ}' AND '{until:%Y-%m-%dT%H:%M:%SZ}'"
    statement = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 {between}", statement)
    assert "$" not in statement, f"not expanded: {statement}"
    return statement


def values_of(dsn: str, dashboard: dict) -> dict[str, list[str]]:
    """All values of the dashboard's variables, as if *All* were chosen."""
    return {
        variable["name"]: [row[-1] for row in query(dsn, variable["query"]) if row[-1] is not None]
        for variable in dashboard["templating"]["list"]
    }


@pytest.mark.parametrize(("name", "panel", "target"), QUERIES)
def test_query_runs(shape_database: ShapeDatabase, name: str, panel: dict, target: dict) -> None:
    dsn = shape_database.dsn
    rows = query(dsn, expand(target["rawSql"], values_of(dsn, DASHBOARDS[name])))
    assert rows, "nothing on the sample data"
    assert any(value is not None for row in rows for value in row)
    assert set(re.findall(r"analytics\.(\w+)", target["rawSql"])) <= set(MARTS)
    if target["format"] == "time_series":
        assert [row[0] for row in rows] == sorted(row[0] for row in rows), "Grafana wants them in the order of time"


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        (
            "leadgen-campaigns",
            1,
            "select sum(total_cost) / nullif(sum(qualified_leads), 0) from analytics.campaign_analytics",
        ),
        ("leadgen-campaigns", 3, "select sum(total_leads) from analytics.campaign_analytics"),
        ("leadgen-spend", 1, "select sum(total_cost) from analytics.api_cost_tracking"),
        ("leadgen-spend", 3, "select sum(double_count_avoided) from analytics.api_usage_reconciliation"),
    ],
)
def test_number_is_that_of_another_mart(shape_database: ShapeDatabase, name: str, number: int, expected: str) -> None:
    """Over a period that holds all of the sample but rows without a time or in the future."""
    dsn, dashboard = shape_database.dsn, DASHBOARDS[name]
    (panel,) = [panel for panel in dashboard["panels"] if panel["id"] == number]
    ((shown,),) = query(dsn, expand(panel["targets"][0]["rawSql"], values_of(dsn, dashboard)))
    assert float(shown) == pytest.approx(float(query(dsn, expected)[0][0]), rel=0.02)


def test_dashboards_fit_together(shape_database: ShapeDatabase) -> None:
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/marts.yaml").read_text())["datasources"]
    assert [source["user"] for source in sources] == ["analytics_reporter"]
    for name, dashboard in DASHBOARDS.items():
        assert dashboard["uid"] == name
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
        assert dashboard["title"].endswith("?")
        for panel in dashboard["panels"]:
            assert panel["datasource"]["uid"] == sources[0]["uid"]
