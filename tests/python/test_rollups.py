"""Rollups follow the source: whatever happens to it and whenever they run, they hold what one full refresh gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import diagnosis.project
import psycopg2
import pytest
from changes import CALL_ACROSS_THE_WATERMARK, at
from clones import SMALLEST_SOURCE
from conftest import (
    assert_same_marts,
    describe_failures,
    environment_of,
    execute,
    libpq_environment,
    mart_rows,
    new_database,
    parsed_before,
    query,
    run_dbt,
)
from dbt.cli.main import dbtRunnerResult
from doctor import diagnose
from embedded_postgres import Server
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_golden import TABLES

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

MINUTES = 60
CAMPAIGNS = 2
USERS = 2
SPELLINGS = [("hunter_io", "verify_email"), ("hunter.io", "verify-email"), ("google_places", "text_search")]
SETTLE_SECONDS = (4 * 3600, 2 * 3600, 0)
"""How far the watermark stays behind; a run with a smaller one moves it as hours of waiting would."""


def uuid(kind: int, number: int) -> str:
    return f"00000000-0000-0000-{kind:04x}-{number:012x}"


# Times in seconds before `before_now(0)`: far back, across borders of hours and blocks, and after every watermark.
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
        st.tuples(st.just("lead"), row, st.integers(1, CAMPAIGNS), seconds_ago, st.just("Acme"), st.none()),
        st.tuples(st.just("email"), row, row, seconds_ago, st.none()),
        st.tuples(st.just("corrected cost"), row),
        st.tuples(st.just("moved"), row, seconds_ago),
        st.tuples(st.just("qualified"), row),
        st.tuples(st.just("other threshold"), st.integers(1, CAMPAIGNS), st.integers(0, 100)),
        st.tuples(
            st.just("deleted"), st.sampled_from(["api_usage", "api_usage_log", "businesses", "lead_emails"]), row
        ),
        st.tuples(st.just("run"), st.sampled_from(SETTLE_SECONDS)),
    ),
    min_size=6,
    max_size=24,
)

LATER_CAMPAIGN = CAMPAIGNS + 1
"""It comes and goes, and leaves its leads behind."""
LEADS = ("businesses", "enhanced_leads")
lead_time = st.one_of(seconds_ago, st.just(-500 * 86400))
lead = st.tuples(
    st.sampled_from(["lead", "enhanced lead"]),
    row,
    st.integers(1, LATER_CAMPAIGN),
    lead_time,
    st.sampled_from(["Acme", "ACME.", "Bolt"]),
    st.sampled_from([None, "p", "q"]),
)
happenings_to_leads = st.lists(
    st.one_of(
        lead,
        lead,
        st.tuples(st.just("email"), row, row, seconds_ago, st.sampled_from([50, 101])),
        st.tuples(st.just("profile"), row, row),
        st.tuples(st.just("found again"), st.sampled_from(LEADS), row, lead_time),
        st.tuples(st.just("renamed"), st.sampled_from(LEADS), row, st.sampled_from(["Acme", "Bolt"])),
        st.tuples(st.just("deleted"), st.sampled_from([*LEADS, "lead_emails", "lead_social_profiles"]), row),
        st.tuples(st.sampled_from(["campaign comes", "campaign goes"])),
        st.tuples(st.just("run"), st.sampled_from(SETTLE_SECONDS)),
    ),
    min_size=12,
    max_size=40,
)


CLEAR = (
    "truncate campaigns, businesses, enhanced_leads, lead_emails, lead_social_profiles, api_usage, api_usage_log,"
    " api_cost_tracking;"
)
CAMPAIGN_ROWS = "".join(
    f"""insert into campaigns (id, user_id, name, status, settings, created_at)
    values ('{uuid(1, number)}', '{uuid(2, number)}', 'c', 'active', '{{"min_confidence_score": 80}}', '2026-01-01');"""
    for number in range(1, CAMPAIGNS + 1)
)


EMPTY_ROLLUPS = """
truncate analytics_staging.rollup_state;
do $$
declare
    rollup regclass;
begin
    for rollup in
        select oid from pg_class where relkind = 'r' and relnamespace = 'analytics_intermediate'::regnamespace
    loop
        execute format('truncate %s', rollup);
    end loop;
end
$$
"""


OTHER_COLUMNS = """
alter table campaigns add settings jsonb;
alter table businesses add place_id text;
alter table lead_emails add verification_score int, add created_at timestamptz;
create table enhanced_leads (
    id uuid primary key, campaign_id uuid, business_name text, phone text, confidence_score int,
    discovery_cost numeric(10,4), enrichment_sources jsonb, created_at timestamptz
);
create index on api_usage (created_at);
"""


class Project:
    """The project on one source. Each lag of the watermark has its own target folder, so that dbt parses it once."""

    def __init__(self, dsn: str, folder: Path):
        self.dsn = dsn
        self.folder = folder
        self.built_with: dict[str, object] | None = None

    def reset(self) -> None:
        """Leave nothing but the campaigns, and let the watermark move back."""
        execute(self.dsn, CLEAR + CAMPAIGN_ROWS)
        if self.built_with is not None:
            execute(self.dsn, EMPTY_ROLLUPS)

    def run(self, *arguments: str, settle_seconds: int = 0, **variables: object) -> None:
        """Build everything but the tests; what depends on no data, the views, only when a variable is another one."""
        if self.built_with == variables:
            command = ["run", "--select", "path:models/intermediate/rollups"]
        else:
            command = ["build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
        result = self.invoke(*command, *arguments, settle_seconds=settle_seconds, **variables)
        assert result.success, describe_failures(result)
        self.built_with = variables

    def invoke(self, *command: str, settle_seconds: int = 0, **variables: object) -> dbtRunnerResult:
        variables = {
            "rollup_settle_seconds": settle_seconds,
            "rollup_lookback_hours": 1,
            "clock_skew_tolerance_minutes": 2 * MINUTES,  # no row is ahead of its time, whatever minute it is
            **variables,
        }
        target = self.folder / "-".join(str(value) for value in variables.values())
        options = ["--target-path", str(target), "--vars", json.dumps(variables)]
        return run_dbt([*command, *options], environment_of(self.dsn))


@pytest.fixture(scope="module")
def project(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with new_database(server) as dsn:
        execute(dsn, TABLES + OTHER_COLUMNS)
        yield Project(dsn, tmp_path_factory.mktemp("targets"))


few_examples = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # to find a smaller example takes many builds
    suppress_health_check=list(HealthCheck),
)


@few_examples
@given(happenings=happenings)
def test_any_history_gives_what_a_full_refresh_gives(project: Project, happenings: list[tuple]) -> None:
    assert_history_is_followed(project, happenings)


@few_examples
@given(happenings=happenings_to_leads)
def test_any_history_of_leads_gives_what_a_full_refresh_gives(project: Project, happenings: list[tuple]) -> None:
    assert_history_is_followed(project, happenings)


def assert_history_is_followed(project: Project, happenings: list[tuple]) -> None:
    project.reset()
    project.run("--full-refresh", settle_seconds=SETTLE_SECONDS[0])
    settle_seconds = SETTLE_SECONDS[0]
    for happening, *values in happenings:
        if happening == "run":
            settle_seconds = min(settle_seconds, *values)  # time does not go back
            project.run(settle_seconds=settle_seconds)
        else:
            execute(project.dsn, statement_of(happening, *values))
    project.run(settle_seconds=settle_seconds)
    incremental = mart_rows(project.dsn)
    project.run("--full-refresh")
    assert_same_marts(incremental, mart_rows(project.dsn))


KINDS = {
    "api_usage": 3,
    "api_usage_log": 4,
    "businesses": 6,
    "enhanced_leads": 6,
    "lead_emails": 7,
    "lead_social_profiles": 8,
}
"""What a row's id begins with."""


def statement_of(happening: str, *values: object) -> str:
    """What the application does in SQL."""
    match happening, *values:
        case "call", row, campaign, spelling, ago, later, cost:
            usage = statement_of("usage", row, campaign, spelling, ago, cost)
            return usage + statement_of("log", row, campaign, spelling, ago - later, cost)
        case "usage", row, campaign, (service, endpoint), ago, cost:
            return upsert(
                "api_usage",
                {
                    "id": uuid(3, row),
                    "user_id": uuid(2, 1 + row % USERS),
                    "campaign_id": campaign and uuid(1, campaign),
                    "service": service,
                    "endpoint": endpoint,
                    "cost": cost,
                    "success": row != 2,
                    "response_time": 100 * row,
                    "error_message": "failed" if row == 2 else None,
                    "created_at": before_now(ago),
                },
            )
        case "log", row, campaign, (service, endpoint), ago, cost:
            return upsert(
                "api_usage_log",
                {
                    "id": uuid(4, row),
                    "campaign_id": campaign and uuid(1, campaign),
                    "api_service": service,
                    "endpoint": endpoint,
                    "request_cost": cost,
                    "response_status": 500 if row == 3 else 200,
                    "credits_used": row,
                    "processing_time_ms": 70 * row,
                    "created_at": before_now(ago),
                },
            )
        case "hourly sum", row, campaign, (service, endpoint), ago:
            time = f"({before_now(ago)[2:]}) at time zone 'UTC'"
            return f"delete from api_cost_tracking where id = '{uuid(5, row)}';" + insert(
                "api_cost_tracking",
                {
                    "id": uuid(5, row),
                    "campaign_id": campaign and uuid(1, campaign),
                    "api_service": service,
                    "endpoint": endpoint,
                    "request_count": row,
                    "total_cost": row,
                    "success_count": row,
                    "error_count": 0,
                    "date": f"::({time})::date",
                    "hour": f"::extract(hour from {time})",
                },
            )
        case "lead" | "enhanced lead", row, campaign, ago, name, place:
            lead = {
                "id": uuid(6, row),
                "campaign_id": uuid(1, campaign),
                "business_name": name,
                "phone": "5550100001",
                "confidence_score": 14 * row,
                "discovery_cost": 0.1 * row,
                "created_at": before_now(ago),
            }
            if happening == "lead":
                return upsert("businesses", {**lead, "place_id": place})
            return upsert("enhanced_leads", {**lead, "confidence_score": 21 * row, "enrichment_sources": f"{row}"})
        case "email", row, lead, ago, score:
            return upsert(
                "lead_emails",
                {
                    "id": uuid(7, row),
                    "lead_id": uuid(6, lead),
                    "email": f"{row}@acme.example",
                    "verification_status": "deliverable" if row % 2 else "pending",
                    "verification_score": score,
                    "created_at": before_now(ago),
                },
            )
        case "profile", row, lead:
            return upsert("lead_social_profiles", {"id": uuid(8, row), "lead_id": uuid(6, lead), "platform": "x"})
        case "found again", table, row, ago:
            return f"update {table} set created_at = {before_now(ago)[2:]} where id = '{uuid(6, row)}';"
        case "renamed", table, row, name:
            return f"update {table} set business_name = '{name}' where id = '{uuid(6, row)}';"
        case "campaign comes", *_:
            return upsert("campaigns", {"id": uuid(1, LATER_CAMPAIGN), "name": "later", "status": "active"})
        case "campaign goes", *_:
            return f"delete from campaigns where id = '{uuid(1, LATER_CAMPAIGN)}';"
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
            kind = KINDS[table]
            return f"delete from {table} where id = '{uuid(kind, row)}';"
    raise ValueError(happening)


def before_now(seconds: int) -> str:
    """A border of blocks late in this hour: what is after it may not have come yet, and is of no later hour.

    So the marts say the same of a row before it has come and when it has.
    """
    return f"::date_trunc('hour', now()) + interval '50 minutes' - interval '{seconds} seconds'"


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


USAGE = ("hunter_io", "verify_email")


@pytest.fixture
def started(project: Project) -> Project:
    """One campaign with three calls in the last hour, two of them in both logs, all rolled up."""
    project.reset()
    rows = [("call", 1, 1, USAGE, 80 * MINUTES, 1, "0.1"), ("call", 2, 1, USAGE, 79 * MINUTES, -2, "0.2")]
    rows += [("usage", 3, 1, USAGE, 78 * MINUTES, "0.4"), ("log", 4, 1, USAGE, 70 * MINUTES, "0.8")]
    rows += [("hourly sum", 5, 1, USAGE, 80 * MINUTES), ("log", 5, None, USAGE, 60 * MINUTES, "1.6")]
    execute(project.dsn, "".join(statement_of(*row) for row in rows))
    project.run("--full-refresh")
    return project


def spend(project: Project) -> list[tuple]:
    return query(
        project.dsn,
        "select campaign_id is not null, is_campaign_deleted, sum(total_cost), sum(request_count)"
        " from analytics.api_cost_tracking group by 1, 2 order by 1",
    )


def test_what_a_deleted_campaign_has_spent_stays(started: Project) -> None:
    before = [(False, False, Decimal("1.6"), 1), (True, False, Decimal("1.5"), 4)]
    after = [(False, False, Decimal("1.6"), 1), (True, True, Decimal("1.5"), 4)]
    assert spend(started) == before
    delete_campaign(started.dsn, 1)
    started.run()
    assert spend(started) == after
    started.run()
    assert spend(started) == after
    incremental = mart_rows(started.dsn)
    started.run("--full-refresh")
    assert spend(started) == after
    assert_same_marts(mart_rows(started.dsn), incremental)
    assert query(started.dsn, "select sum(cost) from analytics_intermediate.int_api_calls") == [(Decimal("3.1"),)]
    assert query(started.dsn, "select sum(counted_cost) from analytics.api_usage_reconciliation") == [(Decimal("3.1"),)]
    listed = (
        "select sum(split_part(details, ' ', 1)::int) from analytics.data_quality_issues where campaign_id is not null"
    )
    assert query(started.dsn, listed + " and issue_type = 'deleted_campaign_spend'") == [(4,)]


def test_it_stays_when_the_watermark_moves_back(started: Project) -> None:
    """What has been noted of the rollups is lost, and the watermark is to stay farther behind than it did."""
    delete_campaign(started.dsn, 1)
    started.run()
    before = mart_rows(started.dsn)
    execute(started.dsn, "truncate analytics_staging.rollup_state, analytics_intermediate.int_source_changes")
    started.run("--full-refresh", settle_seconds=SETTLE_SECONDS[0])
    assert_same_marts(mart_rows(started.dsn), before)
    started.run()
    assert_same_marts(mart_rows(started.dsn), before)


def delete_campaign(dsn: str, number: int) -> None:
    """As the application's foreign keys do it."""
    campaign = uuid(1, number)
    execute(
        dsn,
        f"delete from campaigns where id = '{campaign}'; delete from api_usage where campaign_id = '{campaign}';"
        f"update api_usage_log set campaign_id = null where campaign_id = '{campaign}';",
    )


def test_a_row_is_in_the_marts_without_a_run(started: Project) -> None:
    execute(
        started.dsn,
        statement_of("usage", 6, 1, USAGE, -40 * MINUTES, "3.2").replace(before_now(-40 * MINUTES)[2:], "now()"),
    )
    assert sum(cost for _, _, cost, _ in spend(started)) == Decimal("6.3")


def test_an_interrupted_run_leaves_the_marts_right_and_the_next_catches_up(started: Project) -> None:
    """The run ends after the source has been looked at, and before any rollup has followed."""
    execute(started.dsn, statement_of("corrected cost", 1))
    before = spend(started)
    result = started.invoke("run", "--select", "int_source_changes")
    assert result.success, describe_failures(result)
    assert spend(started) == before
    started.run()
    assert sum(cost for _, _, cost, _ in spend(started)) == Decimal("4.1")


def test_a_run_that_ends_between_two_rollups_leaves_the_marts_right(started: Project) -> None:
    """With a call across the watermark, whose first record is an open end of this run and of those before."""
    in_order = "select rollup from analytics_staging.rollup_state order by rollup"
    rollups = ["int_source_changes", "int_api_records_hourly_rollup", "int_api_open_ends"]
    rollups += [name for (name,) in query(started.dsn, in_order) if name not in rollups]
    for number, statement in enumerate(CALL_ACROSS_THE_WATERMARK):
        execute(started.dsn, at(statement, 1, datetime.now(timezone.utc), ""))
        if number == 0:
            started.run()
    expected = mart_rows(started.dsn)
    assert query(started.dsn, "select count(*) from analytics_intermediate.int_api_open_ends") == [(CAMPAIGNS,)]
    for count in range(1, len(rollups) + 1):
        result = started.invoke("run", "--select", *rollups[:count])
        assert result.success, describe_failures(result)
        assert_same_marts(mart_rows(started.dsn), expected)
    assert_as_after_full_refresh(started)


AS_AN_OLDER_VERSION_LEFT_IT = """
create table analytics_intermediate.int_api_usage_blocks_rollup as
select utc_hour as block_start, call_date, call_hour, source_table, is_counted, campaign_id, user_id, api_service,
    endpoint, request_count, success_count, error_count, paired_count, cost, estimated_cost, list_cost,
    timed_response_ms,
    timed_request_count, credits_used, last_rate_limit, last_error, last_error_status, last_successful_call,
    last_seen_at, response_time_buckets, log_record_ids, kept_at
from analytics_intermediate.int_api_records_hourly_rollup;
create view analytics_intermediate.int_api_usage_blocks as
select * from analytics_intermediate.int_api_usage_blocks_rollup;
create view analytics_intermediate.int_api_records as select 1 as record_id;
create view public.of_somebody_else as select * from analytics_intermediate.int_api_records;
insert into analytics_staging.rollup_state
select 'int_api_usage_blocks_rollup', watermark, version, 'older'
from analytics_staging.rollup_state
where rollup = 'int_api_records_hourly_rollup';
delete from analytics_staging.rollup_state where rollup in ('int_api_records_hourly_rollup', 'int_api_open_ends');
drop table analytics_intermediate.int_api_records_hourly_rollup, analytics_intermediate.int_api_open_ends cascade;
"""


def test_an_hour_that_ends_at_the_watermark_is_one_row(project: Project) -> None:
    """Its last seconds are an open end, which the live part has."""
    project.reset()
    now = datetime.now(timezone.utc)
    hour = now.replace(minute=0, second=0, microsecond=0)
    settle_seconds = int((now - hour).total_seconds())
    calls = {1: hour - timedelta(minutes=30), 2: hour - timedelta(seconds=2)}
    for number, time in calls.items():
        call = statement_of("usage", number, 1, USAGE, 0, "0.1")
        execute(project.dsn, call.replace(before_now(0)[2:], f"'{time.isoformat()}'"))
    project.run("--full-refresh", settle_seconds=settle_seconds)
    rows = "select request_count, total_cost from analytics.api_cost_tracking"
    watermark = "select watermark from analytics.mart_freshness where mart = 'api_cost_tracking'"
    assert query(project.dsn, watermark) == [(hour,)]
    assert query(project.dsn, rows) == [(2, Decimal("0.2"))]
    second = statement_of("log", 3, 1, USAGE, 0, "0.1")
    execute(project.dsn, second.replace(before_now(0)[2:], f"'{(hour + timedelta(seconds=1)).isoformat()}'"))
    assert query(project.dsn, rows) == [(2, Decimal("0.2"))]
    project.run(settle_seconds=settle_seconds)
    assert query(project.dsn, rows) == [(2, Decimal("0.2"))]


def test_an_upgrade_keeps_what_only_the_older_version_had_and_removes_its_relations(
    started: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    before = spend(started)
    execute(started.dsn, AS_AN_OLDER_VERSION_LEFT_IT)
    delete_campaign(started.dsn, 1)
    started.built_with = None
    started.run()
    assert sum(cost for _, _, cost, _ in spend(started)) == sum(cost for _, _, cost, _ in before)
    left = "select relname from pg_class where relname in ('int_api_usage_blocks', 'int_api_usage_blocks_rollup')"
    assert query(started.dsn, left) == []
    assert query(started.dsn, "select record_id from public.of_somebody_else") == [(1,)]
    assert "int_api_records is out of date, and still read by of_somebody_else" in capfd.readouterr().out
    execute(started.dsn, "drop view public.of_somebody_else")
    started.run()
    assert query(started.dsn, left.replace("int_api_usage_blocks'", "int_api_records'")) == []
    assert_as_after_full_refresh(started)


@pytest.mark.parametrize(
    "change",
    [
        ("usage", 6, 1, USAGE, 90 * 86400, "3.2"),
        ("corrected cost", 3),
        ("moved", 4, 30 * 86400),
        ("deleted", "api_usage", 3),
    ],
)
def test_what_is_older_than_the_lookback_is_found(started: Project, change: tuple) -> None:
    older = "update api_usage set created_at = created_at - interval '60 days' where id = '{}'"
    execute(started.dsn, older.format(uuid(3, 3)))
    started.run()
    execute(started.dsn, statement_of(*change))
    started.run()
    assert_as_after_full_refresh(started)


def test_a_truncated_log_is_found(started: Project) -> None:
    execute(started.dsn, "truncate api_usage_log")
    started.run()
    assert_as_after_full_refresh(started)


def test_nothing_new_is_not_looked_for_in_old_rows(started: Project) -> None:
    """What the server has counted shows that there is nothing new among them."""
    scans = "select seq_tup_read from pg_stat_user_tables where relname = 'api_usage_log'"
    filler = (
        "insert into api_usage_log select gen_random_uuid(), null, 's', 'e', 1, 200, 1, 1, now() - n * interval '1 day'"
    )
    execute(started.dsn, filler + " from generate_series(2, 2000) as n; create index on api_usage_log (created_at)")
    started.run()
    execute(started.dsn, "analyze api_usage_log")
    execute(started.dsn, "select pg_stat_force_next_flush()")
    (before,) = query(started.dsn, scans)[0]
    started.run()
    (after,) = query(started.dsn, scans)[0]
    execute(started.dsn, "drop index api_usage_log_created_at_idx")
    assert after - before < 2000


def duplicates(project: Project) -> dict[int, int]:
    """Number of each duplicate and of the oldest of its kind, as both lists have them: of leads, and of defects."""
    listed = query(project.dsn, "select id, duplicate_of from analytics.enhanced_leads where duplicate_of is not null")
    defects = query(
        project.dsn,
        "select record_id, split_part(details, ' lead ', 2) from analytics.data_quality_issues"
        " where issue_type = 'duplicate_lead'",
    )
    assert sorted(defects) == sorted(listed)
    return {int(lead[-4:]): int(oldest[-4:]) for lead, oldest in listed}


def found(row: int, days_ago: float, name: str = "Acme", place: str | None = None) -> str:
    return statement_of("lead", row, 1, round(days_ago * 86400), name, place)


@pytest.fixture
def with_leads(project: Project) -> Project:
    """The first three are one business by name and phone, and so are the third and the fourth by place."""
    project.reset()
    execute(project.dsn, found(1, 40) + found(2, 30) + found(3, 20, place="p") + found(4, 0.1, name="Bolt", place="p"))
    project.run("--full-refresh")
    assert duplicates(project) == {2: 1, 3: 1, 4: 3}
    return project


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (statement_of("deleted", "businesses", 1), {3: 2, 4: 3}),
        (statement_of("renamed", "businesses", 1, "Bolt"), {3: 2, 4: 1}),
        (statement_of("deleted", "businesses", 3), {2: 1}),
        (found(5, 60), {1: 5, 2: 5, 3: 5, 4: 3}),
        (found(5, 25, name="Bolt"), {2: 1, 3: 1, 4: 5}),
        (statement_of("found again", "businesses", 1, 25 * 86400), {1: 2, 3: 2, 4: 3}),
        (f"update businesses set campaign_id = '{uuid(1, 2)}' where id = '{uuid(6, 1)}'", {3: 2, 4: 3}),
    ],
    ids=["oldest goes", "other name", "middle goes", "older one", "between", "moved", "other campaign"],
)
def test_old_duplicates_follow_what_changes(with_leads: Project, change: str, expected: dict[int, int]) -> None:
    execute(with_leads.dsn, change)
    with_leads.run()
    assert duplicates(with_leads) == expected


def test_a_lead_is_found_to_be_a_duplicate_at_once(with_leads: Project) -> None:
    execute(with_leads.dsn, found(5, -500, name="Far ahead"))
    with_leads.run()
    assert duplicates(with_leads) == {2: 1, 3: 1, 4: 3}
    for row, name in ((6, "Bolt"), (7, "Far ahead"), (8, "Far ahead")):
        now = f"::now() + {row} * interval '1 second'"
        execute(with_leads.dsn, found(row, 0, name=name).replace(before_now(0)[2:], now[2:]))
    assert duplicates(with_leads) == {2: 1, 3: 1, 4: 3, 5: 7, 6: 4, 8: 7}


def test_a_run_that_is_killed_between_keys_and_defects_of_leads(with_leads: Project) -> None:
    worse = f"update businesses set discovery_cost = -1 where id = '{uuid(6, 2)}';"
    execute(with_leads.dsn, worse + statement_of("deleted", "businesses", 1))
    result = with_leads.invoke("run", "--select", "int_source_changes", "int_lead_keys_rollup")
    assert result.success, describe_failures(result)
    assert duplicates(with_leads) == {3: 2, 4: 3}
    negative = "select count(*) from analytics.data_quality_issues where issue_type = 'negative_cost'"
    assert query(with_leads.dsn, negative) == [(0,)]
    with_leads.run()
    assert query(with_leads.dsn, negative) == [(1,)]
    assert_as_after_full_refresh(with_leads)


def test_an_email_that_has_waited_for_its_lead_hides_no_other_row(with_leads: Project) -> None:
    """It is one more row of a block that is looked at, and not new: an old row that is may not pass for it."""
    execute(with_leads.dsn, statement_of("email", 1, 5, 3 * 86400, 50))
    with_leads.run()
    execute(with_leads.dsn, found(5, 0, name="Late") + statement_of("enhanced lead", 1, 1, 40 * 86400, "Acme", None))
    with_leads.run()
    assert_as_after_full_refresh(with_leads)


def test_defects_are_not_looked_for_in_all_leads(with_leads: Project) -> None:
    tables = "('businesses', 'lead_emails', 'lead_social_profiles')"
    read = f"select sum(seq_tup_read + idx_tup_fetch) from pg_stat_user_tables where relname in {tables}"
    filler = """
    insert into businesses (id, campaign_id, business_name, phone, confidence_score, discovery_cost, created_at)
    select md5('lead ' || n)::uuid, :campaign, 'n' || n, '5550100001', 90, 1, now() - n * interval '5 minutes'
    from generate_series(2, 3000) as n;
    insert into lead_emails (id, lead_id, email, created_at)
    select md5('email ' || n)::uuid, md5('lead ' || n)::uuid, 'e', now() - n * interval '5 minutes'
    from generate_series(2, 3000) as n;
    create index leads_by_time on businesses (created_at);
    create index emails_by_lead on lead_emails (lead_id);
    """
    execute(with_leads.dsn, filler.replace(":campaign", f"'{uuid(1, 1)}'"))
    with_leads.run()
    execute(with_leads.dsn, "analyze")
    execute(with_leads.dsn, "select pg_stat_force_next_flush()")
    (before,) = query(with_leads.dsn, read)[0]
    query(with_leads.dsn, "select count(*), pg_stat_force_next_flush() from analytics.data_quality_issues")
    (after,) = query(with_leads.dsn, read)[0]
    execute(with_leads.dsn, "drop index leads_by_time; drop index emails_by_lead")
    assert after - before < 500


def test_a_range_is_replayed(started: Project) -> None:
    """Somebody has changed the rollup by hand."""
    execute(started.dsn, "update analytics_intermediate.int_api_usage_hourly_rollup set cost = cost + 1")
    started.run()
    assert sum(cost for _, _, cost, _ in spend(started)) != Decimal("3.1")
    started.run(replay_from="2020-01-01", replay_until="2100-01-01")
    assert sum(cost for _, _, cost, _ in spend(started)) == Decimal("3.1")


def test_totals_that_differ_have_the_next_run_look_again(started: Project, capfd: pytest.CaptureFixture) -> None:
    execute(started.dsn, "delete from analytics_intermediate.int_api_usage_hourly_rollup")
    noted = "select bool_and(activity is not null) from analytics_intermediate.int_source_changes"
    noted += " where block_start = '-infinity'"
    assert query(started.dsn, noted) == [(True,)]
    test = ("test", "--select", "api_cost_is_one_total", "--log-level", "info")
    assert not started.invoke(*test).success
    printed = capfd.readouterr().out
    assert "Totals differ (api_cost_is_one_total). The next run looks through all rows of the source." in printed
    assert query(started.dsn, noted) == [(False,)]
    command = printed.partition("makes the sums anew: dbt ")[2].split("\n")[0].split()
    assert command[0] == "build"
    assert started.invoke(*command, "--exclude-resource-type", "test", "unit_test").success
    assert started.invoke(*test).success


def test_another_definition_builds_the_rollups_anew(started: Project) -> None:
    started.run(reporting_timezone="Asia/Kathmandu")
    assert_as_after_full_refresh(started, reporting_timezone="Asia/Kathmandu")


LONG_AGO = 40 * 24 * 60 * MINUTES
KEPT_BEFORE = str((datetime.now(timezone.utc) - timedelta(days=20)).date())
LOGS = ("api_usage", "api_usage_log", "api_cost_tracking")


def prune(table: str, minutes: int = 0) -> str:
    """As an application deletes what is older than some time, here 40 days and so many minutes."""
    time = "date + hour * interval '1 hour'" if table == "api_cost_tracking" else "created_at at time zone 'UTC'"
    cut = f"({before_now(LONG_AGO + minutes * MINUTES)[2:]}) at time zone 'UTC'"
    return f"delete from {table} where {time} < {cut};"


PRUNED = {
    "at once": ["".join(prune(table) for table in LOGS)],
    "within an hour": ["".join(prune(table, minutes) for table in LOGS) for minutes in (75, 15, 0)],
    "log by log": [prune(table) for table in LOGS],
    "the other way round": [prune(table) for table in reversed(LOGS)],
    "but for hourly sums": ["".join(prune(table) for table in LOGS[:2])],
}


@pytest.fixture
def aged(project: Project) -> Project:
    """Calls of three hours forty days ago, in one, two or three logs, with and without a campaign, failed and not."""
    project.reset()
    rows = [("call", 1, 1, USAGE, 5 * MINUTES, 1, "0.1"), ("call", 2, 2, USAGE, 20 * MINUTES, -2, "0.2")]
    rows += [("usage", 3, None, USAGE, 30 * MINUTES, "0.4"), ("log", 4, 1, SPELLINGS[2], 70 * MINUTES, "0.8")]
    rows += [("hourly sum", 5, 1, USAGE, 5 * MINUTES), ("hourly sum", 6, 2, SPELLINGS[2], 80 * MINUTES)]
    rows += [("log", 3, None, USAGE, 80 * MINUTES, "1.6"), ("call", 5, 2, SPELLINGS[2], 130 * MINUTES, 3, None)]
    aged = [(*row[:4], row[4] + LONG_AGO, *row[5:]) for row in rows] + [("call", 6, 1, USAGE, 80 * MINUTES, 1, "3.2")]
    execute(project.dsn, "".join(statement_of(*row) for row in aged))
    project.run("--full-refresh", keep_sums_before=KEPT_BEFORE)
    return project


def sums(project: Project) -> dict[str, list[tuple]]:
    """The marts, but for defects of records, which go with the records."""
    return {mart: rows for mart, rows in mart_rows(project.dsn).items() if mart != "data_quality_issues"}


@pytest.mark.parametrize("steps", PRUNED.values(), ids=PRUNED)
def test_hours_that_are_pruned_keep_their_sums(aged: Project, steps: list[str], capfd: pytest.CaptureFixture) -> None:
    before = sums(aged)
    for step in steps:
        execute(aged.dsn, step)
        aged.run("--log-level", "info", keep_sums_before=KEPT_BEFORE)
        assert_same_marts(sums(aged), before)
    assert f"in 3 hours before {KEPT_BEFORE} (keep_sums_before), which keep their sums" in capfd.readouterr().out
    execute(aged.dsn, "update analytics_intermediate.int_source_changes set activity = null")
    aged.run(keep_sums_before=KEPT_BEFORE)
    assert_same_marts(sums(aged), before)
    aged.run("--full-refresh", keep_sums_before=KEPT_BEFORE)
    assert_same_marts(sums(aged), before)
    assert_tests_pass(aged)


def assert_tests_pass(project: Project) -> None:
    """Those of totals, and of the keys of what pruned hours are in."""
    models = ("int_api_records_hourly_rollup", "int_pruned_calls", "int_pruned_sums", "int_api_calls_kept")
    result = project.invoke("test", "--select", "path:tests/dbt", *models, keep_sums_before=KEPT_BEFORE)
    assert result.success, describe_failures(result)


def test_hours_that_are_pruned_and_refreshed_at_once_keep_their_sums(aged: Project) -> None:
    before = sums(aged)
    execute(aged.dsn, PRUNED["at once"][0])
    aged.run("--full-refresh", keep_sums_before=KEPT_BEFORE)
    assert_same_marts(sums(aged), before)


def test_a_late_call_adds_to_what_is_kept(aged: Project) -> None:
    expected = total(aged) + Decimal("6.4")
    execute(aged.dsn, PRUNED["at once"][0])
    aged.run(keep_sums_before=KEPT_BEFORE)
    late = statement_of("call", 1, 1, USAGE, LONG_AGO + 5 * MINUTES, 1, "6.4")
    for statement in (late, PRUNED["at once"][0]):
        execute(aged.dsn, statement)
        aged.run(keep_sums_before=KEPT_BEFORE)
        assert total(aged) == expected
    assert doctor_says(aged, "kept_sums", KEPT_BEFORE).startswith(f"3 hours before {KEPT_BEFORE} keep the sums")
    before = sums(aged)
    aged.run("--full-refresh", keep_sums_before=KEPT_BEFORE)
    assert_same_marts(sums(aged), before)
    assert_tests_pass(aged)


def test_a_second_record_in_the_next_hour_is_no_call(aged: Project) -> None:
    across = statement_of("call", 7, 1, USAGE, LONG_AGO + 50 * MINUTES + 1, 2, "0.7")
    execute(aged.dsn, across)
    aged.run(keep_sums_before=KEPT_BEFORE)
    before = total(aged)
    for minutes in (50, 0):
        execute(aged.dsn, "".join(prune(table, minutes) for table in LOGS))
        aged.run(keep_sums_before=KEPT_BEFORE)
        assert total(aged) == before
    aged.run("--full-refresh", keep_sums_before=KEPT_BEFORE)
    assert total(aged) == before


def test_a_deleted_campaign_is_kept_once(aged: Project) -> None:
    """Before its rows are pruned, with them, and after."""
    before = total(aged)
    for statement in ("", PRUNED["log by log"][0], PRUNED["at once"][0]):
        execute(aged.dsn, statement or "select")
        delete_campaign(aged.dsn, 2 if not statement else 1)
        aged.run(keep_sums_before=KEPT_BEFORE)
        assert total(aged) == before
    aged.run("--full-refresh", keep_sums_before=KEPT_BEFORE)
    assert total(aged) == before


def test_other_days_follow_the_source(aged: Project, capfd: pytest.CaptureFixture) -> None:
    """Which a run says, once, that has seen them go."""
    gone = "All rows of 3 hours from "
    execute(aged.dsn, PRUNED["at once"][0])
    aged.run(keep_sums_before="2020-01-01")
    assert gone in capfd.readouterr().out
    assert "all rows of 3 hours from" in doctor_says(aged, "lost_sums", "2020-01-01")
    assert total(aged) == Decimal("3.2")
    aged.run(keep_sums_before="2020-01-01")
    assert gone not in capfd.readouterr().out
    assert_as_after_full_refresh(aged, keep_sums_before="2020-01-01")


def test_without_a_day_nothing_is_kept(aged: Project, capfd: pytest.CaptureFixture) -> None:
    aged.run()
    before = sums(aged)
    execute(aged.dsn, PRUNED["at once"][0])
    aged.run(keep_sums_before=KEPT_BEFORE)
    assert_same_marts(sums(aged), before)
    capfd.readouterr()
    aged.run()
    assert "keep their sums" not in capfd.readouterr().out
    assert total(aged) == Decimal("3.2")


def doctor_says(project: Project, code: str, day: str) -> str:
    """The message of the one finding of this code."""
    manifest = parsed_before(["run-operation"], environment_of(project.dsn))
    manifest.build_parent_and_child_maps()
    asked = diagnosis.project.Project(
        diagnosis.project.declared_tables(manifest), manifest, json.dumps({"keep_sums_before": day})
    )
    with libpq_environment(environment_of(project.dsn)), closing(psycopg2.connect(project.dsn)) as connection:
        findings = diagnose(connection, asked, 300, False)["findings"]
    (message,) = [finding["message"] for finding in findings if finding["code"] == code]
    return message


def total(project: Project) -> Decimal:
    return sum(cost for _, _, cost, _ in spend(project))


def test_one_mart_is_built_with_what_it_stands_on_and_no_more(server: Server, tmp_path: Path) -> None:
    """In a new database, where no other seed is there yet; what comes later is no reason to build a rollup anew."""
    with new_database(server) as dsn:
        execute(dsn, SMALLEST_SOURCE)
        arguments = ["--exclude-resource-type", "test", "unit_test", "--target-path", str(tmp_path)]
        result = run_dbt(["build", "--select", "+enhanced_leads", *arguments], environment_of(dsn))
        assert result.success, describe_failures(result)
        assert query(dsn, "select count(*) from analytics.enhanced_leads") == [(2,)]
        definitions = "select rollup, definition from analytics_staging.rollup_state order by rollup"
        before = query(dsn, definitions)
        result = run_dbt(["build", *arguments], environment_of(dsn))
        assert result.success, describe_failures(result)
        assert before and set(before) <= set(query(dsn, definitions))


def assert_as_after_full_refresh(project: Project, **variables: object) -> None:
    incremental = mart_rows(project.dsn)
    project.run("--full-refresh", **variables)
    assert_same_marts(incremental, mart_rows(project.dsn))
