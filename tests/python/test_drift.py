"""The same models on sources that differ from the declared one: what is missing, retyped or absurd fails no build."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from hashlib import md5
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2
import pytest
import yaml
from conftest import REPOSITORY, build, describe_failures, execute, invoke_build, query
from psycopg2 import sql

# What dbt makes of the source's types does not depend on the server's version; the sample data is built on both.
pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

ONE_HALF = ("businesses", "api_usage_log", "lead_emails", "export_history", "lead_qualification_metrics")
OTHER_HALF = ("enhanced_leads", "api_usage", "api_cost_tracking", "user_settings", "campaign_analytics")
OTHER_HALF += ("lead_social_profiles", "service_health_metrics", "dashboard_exports")

KEY_OF_GARBAGE = str(UUID(md5(b"garbage").hexdigest()))
"""A key that is no uuid stands for the md5 of its text, wherever it is written."""
CAMPAIGN = "00000000-0000-4000-8000-000000000001"
GONE_CAMPAIGN = "00000000-0000-4000-8000-00000000dead"
USER = "00000000-0000-4000-a000-000000000001"
WIDER = {"integer": "bigint", "text": "varchar", "jsonb": "json", "timestamp with time zone": "timestamp"}
"""Types with values that the declared type lacks; any numeric(p,s) becomes numeric."""


@pytest.fixture(scope="module")
def target_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("target_drift")


class Source:
    """Tables of the application in one schema of a database, with the columns of app.yml or some of them."""

    def __init__(self, dsn: str, schema: str = "public"):
        self.dsn = dsn
        self.schema = schema
        declared = yaml.safe_load((REPOSITORY / "models/staging/sources/app.yml").read_text())
        self.declared = {table["name"]: table["columns"] for table in declared["sources"][0]["tables"]}
        execute(dsn, f'create schema if not exists "{schema}"')

    def create(self, table: str, required_only: bool = False, **types: str) -> None:
        """Create a table; `types` overrules a column's type, or as `every` that of all. One column is unknown."""
        columns = {"unknown_extra": "text[]"}
        for column in self.declared[table]:
            is_required = column.get("config", {}).get("meta", {}).get("required", False)
            if is_required or not required_only:
                columns[column["name"]] = types.get(column["name"]) or types.get("every") or column["data_type"]
        listing = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        execute(self.dsn, f'create table "{self.schema}"."{table}" ({listing})')

    def create_wide(self, table: str) -> None:
        types = {column["name"]: _wider(column["data_type"]) for column in self.declared[table]}
        self.create(table, **types)

    def insert(self, table: str, **values: Any) -> None:
        statement = sql.SQL("insert into {}.{} ({}) values ({})").format(
            sql.Identifier(self.schema),
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Literal, values.values())),
        )
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)


def _wider(declared: str) -> str:
    return "numeric" if declared.startswith("numeric") else WIDER.get(declared, declared)


def _id(number: int) -> str:
    return f"00000000-0000-4000-9000-{number:012}"


def _row(dsn: str, statement: str) -> tuple:
    (row,) = query(dsn, statement)
    return row


def _issues(dsn: str) -> dict[str, int]:
    return dict(query(dsn, "select issue_type, count(*) from analytics.data_quality_issues group by 1"))


def _assert_all_marts_can_be_read(dsn: str) -> None:
    marts = query(dsn, "select relname from pg_class where relnamespace = 'analytics'::regnamespace and relkind = 'v'")
    assert len(marts) == 12 + 1  # and mart_freshness
    for (mart,) in marts:
        query(dsn, f"select to_jsonb(mart) from analytics.{mart} as mart")


def test_only_required_columns_of_required_tables_in_another_schema(empty_database: str, target_path: Path):
    source = Source(empty_database, "Lead app")
    source.create("campaigns", required_only=True)
    source.create("businesses", required_only=True)
    source.insert("campaigns", id=CAMPAIGN, name="Plumbers", status="active", created_at="2025-01-01")
    for number, score in enumerate((95, 80, 79, None)):
        values = {"confidence_score": score, "business_name": f"Lead {number}", "created_at": "2025-01-01 23:45+00"}
        source.insert("businesses", id=_id(number), campaign_id=CAMPAIGN if number else GONE_CAMPAIGN, **values)
    execute(empty_database, "create table public.campaigns (id text)")

    build(empty_database, target_path, source_schema="Lead app", reporting_timezone="Asia/Kolkata")

    _assert_all_marts_can_be_read(empty_database)
    # 95 is of another campaign, and 80 the score from which a lead is qualified.
    columns = "total_leads, qualified_leads, avg_confidence_score, total_cost, cost_per_qualified_lead, roi_percentage"
    expected = (3, 1, Decimal("79.50"), 0, 0, None)
    assert _row(empty_database, f"select {columns} from analytics.campaign_analytics") == expected
    # 23:45 in UTC is 5:15 of the next day in Kolkata; the hour starts at 23:30 in UTC.
    hour = "select date::text, hour, (created_at at time zone 'UTC')::text, sum(total_leads_discovered)"
    hours = query(empty_database, f"{hour} from analytics.lead_qualification_metrics group by 1, 2, 3")
    assert hours == [("2025-01-02", 5, "2025-01-01 23:30:00", 4)]
    assert _issues(empty_database) == {"orphan_business": 1, "missing_cost": 4}


@pytest.mark.parametrize("tables", [ONE_HALF, OTHER_HALF], ids=["one half", "other half"])
def test_only_required_columns_of_half_of_the_tables(empty_database: str, target_path: Path, tables: tuple[str, ...]):
    source = Source(empty_database)
    for table in ("campaigns", *tables):
        source.create(table, required_only=True)
    source.insert("campaigns", id=CAMPAIGN, name="Plumbers", status="running", created_at="2025-01-01")
    lead = {"campaign_id": CAMPAIGN, "business_name": "Lead", "confidence_score": 80, "created_at": "2025-01-01"}
    call = {"service": "hunter.io", "endpoint": "verifyEmail", "cost": None, "success": True}
    rows: dict[str, dict[str, Any]] = {
        "businesses": lead,
        "enhanced_leads": lead,
        "lead_emails": {"lead_id": _id(1), "email": "a@lead.example"},
        "lead_social_profiles": {"lead_id": _id(1), "platform": "linkedin"},
        "api_usage_log": {"api_service": "hunter.io", "created_at": "2025-01-01"},
        "api_usage": {**call, "created_at": "2025-01-01"},
        "export_history": {"created_at": "2025-01-01"},
        "campaign_analytics": {},
    }
    for table in tables:
        for number in (1, 2):
            required = {"id": _id(number), **rows[table]} if table in rows else {"unknown_extra": "{a}"}
            source.insert(table, **({"user_id": _id(number)} if table == "user_settings" else required))

    build(empty_database, target_path)

    _assert_all_marts_can_be_read(empty_database)
    has_logs = "api_usage_log" in tables
    columns = "status, total_leads, qualified_leads, total_emails, leads_with_social_profile"
    expected = ("active", 2, 2, 2 if has_logs else 0, 0 if has_logs else 1)
    assert _row(empty_database, f"select {columns} from analytics.campaign_analytics") == expected
    # Without an endpoint a log record has no list price. Two calls at 0.049, and two hourly rows that say nothing.
    calls = "select sum(request_count)::int, sum(total_cost) from analytics.api_cost_tracking"
    assert _row(empty_database, calls) == ((2, None) if has_logs else (4, Decimal("0.0980")))
    assert _row(empty_database, "select count(*) from analytics.dashboard_exports") == (2,)
    users = "select count(*) from analytics.budget_status where user_id is not null"
    assert _row(empty_database, users) == (0 if has_logs else 2,)


def test_a_log_without_endpoints_still_pairs(empty_database: str, target_path: Path):
    source = Source(empty_database)
    for table in ("campaigns", "businesses", "api_usage", "api_usage_log"):
        source.create(table, required_only=True)
    call = {"service": "hunter.io", "endpoint": "verifyEmail", "cost": Decimal("0.05"), "success": True}
    source.insert("api_usage", id=_id(1), created_at="2025-01-01 10:00:00", **call)
    source.insert("api_usage_log", id=_id(2), created_at="2025-01-01 10:00:01", api_service="hunter")
    source.insert("api_usage_log", id=_id(3), created_at="2025-01-01 11:00:00", api_service="hunter")

    build(empty_database, target_path)

    counts = "sum(paired_calls)::int, sum(counted_calls)::int, sum(counted_cost)"
    found = _row(empty_database, f"select {counts} from analytics.api_usage_reconciliation")
    assert found == (1, 2, Decimal("0.0500"))


def test_every_column_as_text_with_unreadable_values(empty_database: str, target_path: Path):
    source = Source(empty_database)
    for table in source.declared:
        source.create(table, every="text")
    for number in (1, 2):
        for table, columns in source.declared.items():
            values = {column["name"]: "garbage" for column in columns}
            if "created_at" in values:
                values["created_at"] = "infinity"
            values["user_id" if table == "user_settings" else "id"] = _id(number)
            source.insert(table, **values | (READABLE[table] if number == 1 else {}))

    build(empty_database, target_path)

    dsn = empty_database
    _assert_all_marts_can_be_read(dsn)
    assert _row(dsn, "select count(*), sum(total_leads) from analytics.campaign_analytics") == (2, 1)
    # Two leads in each table, of which the second table's are the twins of the first's.
    lead = "campaign_id::text, confidence_score, total_cost, grade, is_qualified, created_at::date::text"
    assert query(dsn, f"select {lead} from analytics.enhanced_leads order by id") == [
        (_id(1), 85, Decimal("0.3000"), "B", True, "2025-01-01"),
        (KEY_OF_GARBAGE, None, None, None, False, "1970-01-01"),
    ]
    # The readable call is in all three logs. So is the unreadable one: same names, no campaign, and the time 1970.
    reconciliation = "usage_calls, log_calls, tracking_calls, paired_calls, counted_calls, counted_cost"
    assert query(dsn, f"select {reconciliation} from analytics.api_usage_reconciliation order by date desc") == [
        (1, 1, 1, 1, 1, Decimal("0.2500")),
        (1, 1, 1, 1, 1, Decimal("0.0000")),
    ]
    limits = "select daily_budget_limit, monthly_budget_limit from analytics.budget_status where user_id = '{}'"
    assert query(dsn, limits.format(_id(1)) + " order by date limit 1") == [(Decimal("5.0000"), None)]
    assert query(dsn, limits.format(_id(2))) == [(None, None)]
    exports = "select id::text, file_format, row_count from analytics.dashboard_exports order by id"
    assert query(dsn, exports) == [(_id(1), "csv", 7), (_id(2), "garbage", None)]
    issues = _issues(dsn)
    # A campaign, a lead and a record of each log have no readable time.
    assert issues["missing_timestamp"] == 5
    assert issues["orphan_business"] == 1
    assert issues["unknown_status"] == 2


READABLE = {
    "campaigns": {
        "status": "active",
        "budget_limit": "10.50",
        "created_at": "2025-01-01 10:00:00+00",
        "settings": '{"min_confidence_score": 90}',
    },
    "businesses": {
        "campaign_id": _id(1),
        "confidence_score": "85",
        "is_qualified": "true",
        "total_cost": "0.3",
        "created_at": "2025-01-01 10:00:00",
        "processing_stage": "qualified",
    },
    "enhanced_leads": {"campaign_id": _id(1), "confidence_score": "99", "created_at": "2025-01-01"},
    "api_usage": {
        "campaign_id": _id(1),
        "user_id": _id(1),
        "service": "hunter",
        "endpoint": "verify_email",
        "cost": "0.25",
        "success": "t",
        "created_at": "2025-01-01 10:00:00+00",
    },
    "api_usage_log": {
        "campaign_id": _id(1),
        "api_service": "hunter",
        "endpoint": "verify_email",
        "request_cost": "0.26",
        "response_status": "200",
        "created_at": "2025-01-01 10:00:01+00",
    },
    "api_cost_tracking": {
        "campaign_id": _id(1),
        "api_service": "hunter",
        "endpoint": "verify_email",
        "request_count": "1",
        "total_cost": "0.25",
        "date": "2025-01-01",
        "hour": "10",
        "created_at": "infinity",
    },
    "user_settings": {"daily_budget_limit": "5", "created_at": "infinity"},
    "export_history": {"format": "csv", "leads_count": "8", "created_at": "2025-01-01"},
    "campaign_analytics": {"campaign_id": _id(1), "metric_value": "1.5"},
    "lead_emails": {"lead_id": _id(1), "email": "a@lead.example", "verification_score": "90"},
    "lead_social_profiles": {"lead_id": _id(1), "platform": "linkedin"},
    "lead_qualification_metrics": {"campaign_id": _id(1), "total_leads_discovered": "1"},
    "service_health_metrics": {"service_name": "hunter", "error_rate": "0.1", "timestamp": "2025-01-01 10:30:00+00"},
    "dashboard_exports": {"file_format": "csv", "row_count": "7", "campaign_ids": "{" + _id(1) + "}"},
}
"""Values of a row of text columns; the columns that are not here say `garbage`."""


def test_absurd_values_in_wider_columns_where_clocks_go_back(empty_database: str, target_path: Path):
    source = Source(empty_database)
    for table in source.declared:
        source.create_wide(table)
    campaign = {"name": "Plumbers", "budget_limit": "0.01", "user_id": USER}
    # The hour from one o'clock comes twice in New York: at 5:30 and at 6:30 in UTC.
    times = ["2025-11-02 05:30", "2025-11-02 06:30", "0001-01-01 00:00", "9999-12-31 23:59", "infinity", None]
    times += ["-infinity", "4714-11-24 00:00 BC", "294276-12-31 23:59"]
    absurd = ["0.5", "0.25", "NaN", "Infinity", "-Infinity", "1e30", "-0.25", "999999.9999", None]
    counts = [1, 2, 2**40, -(2**40), 0, None, 2**31 - 1, -1, 3]
    documents = ['"text"', "[]", "3", "null", '{"min_confidence_score": "high"}', '{"a": "\\u0000"}', '{"a": 1}', None]
    documents += ['{"min_confidence_score": 1e400, "budget_alert_threshold": {}}']
    dates = ["2025-11-02", "infinity", "-infinity", "5874897-12-31", "4714-11-24 BC", None, "0001-01-01"]
    dates += ["9999-12-31", "2025-11-02"]
    for number in range(len(times)):
        time, cost, count, document = times[number], absurd[number], counts[number], documents[number]
        record = {"campaign_id": CAMPAIGN if number % 3 else GONE_CAMPAIGN, "created_at": time}
        own_id = {"id": _id(number)}
        state = {"status": f"odd {number}" if number else "active", "settings": document, "search_parameters": document}
        source.insert("campaigns", **campaign, **state, created_at=time, id=CAMPAIGN if number == 0 else _id(number))
        parts = {"discovery_cost": cost, "enrichment_cost": None, "total_cost": cost, "confidence_score": count}
        lead = {"business_name": "Same", "enrichment_sources": document, **parts, **record}
        more = {"phone": "555-0100", "validation_status": document, "validation_cost": "0.1"}
        source.insert("businesses", **own_id, **lead, **more, latitude=cost, processing_stage=f"odd {number}")
        source.insert("enhanced_leads", id=_id(100 + number), **lead, website_status=count, employee_count=count)
        source.insert("lead_emails", **own_id, lead_id=_id(0), email="twice@lead.example", verification_score=count)
        source.insert("lead_social_profiles", **own_id, lead_id=_id(0), platform="odd", followers_count=count)
        call = {"endpoint": "verify_email", **own_id, **record}
        source.insert("api_usage", service="hunter", cost=cost, success=None, response_time=count, **call)
        source.insert("api_usage_log", api_service="hunter", request_cost=cost, processing_time_ms=count, **call)
        sums = {"request_count": count, "cost_per_request": cost, "avg_response_time_ms": 2**31 - 1}
        hours = {"date": dates[number], "hour": number * 3}
        source.insert("api_cost_tracking", api_service="places", **call, **sums, **hours, success_count=count)
        source.insert("lead_qualification_metrics", **own_id, **record, **hours, total_leads_discovered=count)
        source.insert("service_health_metrics", **own_id, service_name="ping", error_rate=cost, timestamp=time)
        period = {"start_date": dates[number], "end_date": dates[number]}
        source.insert("dashboard_exports", **own_id, **record, **period, row_count=count, file_size_mb=cost)
        source.insert("export_history", id=_id(100 + number), **record, file_size_bytes=count)
        limits = {"daily_budget_limit": cost, "monthly_budget_limit": cost, "notification_settings": document}
        source.insert("user_settings", user_id=_id(number), **limits)
        metric = {"metric_value": cost, "metric_name": "spend", "timestamp": time}
        source.insert("campaign_analytics", id=f"{number}", campaign_id=CAMPAIGN, **metric)

    build(empty_database, target_path, reporting_timezone="America/New_York")

    dsn = empty_database
    _assert_all_marts_can_be_read(dsn)
    assert _row(dsn, "select count(*) from analytics.campaign_analytics") == (9,)
    # Of each table 0.5 + 0.25 - 0.25 + 999999.9999; five leads of businesses have only what validation cost, 0.1.
    assert _row(dsn, "select count(*), sum(total_cost) from analytics.enhanced_leads") == (18, Decimal("2000001.4998"))
    emails = f"select email_count, best_email from analytics.enhanced_leads where id = '{_id(0)}'"
    assert _row(dsn, emails) == (9, "twice@lead.example")
    # Every call is in both logs. Of the five without a cost, the one of the year 9999 has a list price, 0.01.
    # The hourly rows say 1, 2, nothing, nothing, 0, nothing, 2147483647, -1 and 3 requests, where nothing is read as
    # one and less than none as none. Two of them have a possible cost, 1 x 0.5 and 2 x 0.25.
    sums = "sum(usage_calls)::int, sum(paired_calls)::int, sum(tracking_only_calls)::bigint, sum(counted_cost)"
    expected = (9, 9, 2_147_483_656, Decimal("1000001.5099"))
    assert _row(dsn, f"select {sums} from analytics.api_usage_reconciliation") == expected
    assert _row(dsn, "select sum(spend) from analytics.budget_status") == (Decimal("1000001.5099"),)
    repeated_hour = "service_name = 'hunter_io' and \"timestamp\" = '2025-11-02 06:30+00'"
    assert query(dsn, f"select requests from analytics.service_health_metrics where {repeated_hour}") == [(2,)]
    # The third, fourth and sixth of the nine exports have no row count in either table, so they are one export each.
    assert _row(dsn, "select count(*) from analytics.dashboard_exports") == (15,)
    issues = _issues(dsn)
    # The year 9999: a campaign, two leads, three records of calls, and one more hourly row.
    assert issues["future_timestamp"] == 7
    # Five campaigns, nine leads and four users.
    assert issues["malformed_json_field"] == 18
    assert issues["unknown_status"] == 8 + 9


def test_missing_required_column_of_an_optional_table_is_named(empty_database: str, target_path: Path):
    source = Source(empty_database)
    for table in ("campaigns", "businesses", "api_usage"):
        source.create(table, required_only=True)
    execute(empty_database, "alter table api_usage drop column cost")
    _assert_one_line(empty_database, target_path, "Source check failed", "column public.api_usage.cost")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("api_log_match_tolerance_seconds", 0, 'is "0", not a number above 0'),
        ("reporting_timezone", "Mars/Olympus", "Mars/Olympus"),
        ("keep_sums_before", "2026-02-30", 'is "2026-02-30", not a day such as 2026-01-31'),
    ],
)
def test_unusable_variable_is_named(empty_database: str, target_path: Path, variable: str, value: Any, words: str):
    _assert_one_line(empty_database, target_path, variable, words, **{variable: value})


def _assert_one_line(dsn: str, target_path: Path, *words: str, **variables: Any) -> None:
    """The build ends before anything is built, with one line that has these words."""
    result = invoke_build(dsn, target_path, **variables)
    assert not result.success
    message = describe_failures(result)
    (line,) = [line for line in message.splitlines() if "Source check failed" in line]
    assert all(word in line for word in words), line
    assert query(dsn, "select relname from pg_class where relnamespace = to_regnamespace('analytics')") == []


APPLICATION_HABITS = """
create table campaigns (
    id uuid primary key, user_id uuid, name text, search_parameters jsonb, status text, created_at timestamptz
);
create table enhanced_leads (
    id uuid primary key, campaign_id uuid, business_name text, confidence_score int, enrichment_sources jsonb,
    created_at timestamptz
);
create table export_history (
    id uuid primary key, campaign_id uuid, user_id uuid, filename text, format text, leads_count int,
    file_size_bytes int, created_at timestamptz
);
create table dashboard_exports (
    id uuid primary key, user_id uuid, campaign_id uuid, export_type text, file_format text, row_count int,
    file_size_mb numeric(8, 2), export_status text, created_at timestamptz
);
create table campaign_analytics (
    id bigserial primary key, campaign_id uuid, metric_name text, metric_value numeric, created_at timestamptz
);
insert into campaigns values (
    '10000000-0000-4000-8000-000000000001', null, 'plumbers in Reno',
    '{"businessType": "plumbers", "location": "Reno", "radiuses": [2, 5, 10]}', 'running', '2026-01-05 10:00+00'
);
insert into enhanced_leads
select gen_random_uuid(), campaigns.id, 'Shop ' || sources, 85, cast(sources as jsonb), '2026-01-05 10:01+00'
from campaigns, unnest(array[
    '{"scrapingdog": false, "hunter_io": true, "government_registry": false, "social_media": false}',
    '{"hunter_io": {"cost": 0.1}, "scrapingdog": null, "social_media": "false"}',
    '{"hunter_io": false}'
]) as sources;
insert into export_history
select gen_random_uuid(), id, '10000000-0000-4000-8000-000000000009', 'f', format, 25, 10240, '2026-01-06 10:00+00'
from campaigns, unnest(array['csv', 'xlsx']) as format;
insert into dashboard_exports
select gen_random_uuid(), user_id, campaign_id, format, format, leads_count, 0.01, 'completed', created_at
from export_history;
insert into campaign_analytics (campaign_id, metric_name, metric_value, created_at)
select id, 'qualified_leads', 5, '2026-01-06 10:00+00' from campaigns;
alter table campaign_analytics add column timestamp timestamptz default now();
"""
EXPECTED_OF_HABITS = {
    # keys of search parameters in camelCase
    "select business_type, location from analytics.campaign_analytics": [("plumbers", "Reno")],
    # a source that is listed as false was not used
    "select enrichment_sources from analytics.enhanced_leads order by jsonb_array_length(enrichment_sources)": [
        ([],),
        (["hunter_io"],),
        (["hunter_io", "scrapingdog", "social_media"],),
    ],
    # a copy of an export is the same export; xlsx is excel; a format is no type
    "select export_type, file_format from analytics.dashboard_exports order by 2": [
        ("lead_export", "csv"),
        ("lead_export", "excel"),
    ],
    # a column that was added later says when it was added
    "select recorded_at = '2026-01-06 10:00+00' from analytics.campaign_metrics where origin <> 'derived'": [(True,)],
}


def test_the_applications_own_habits_are_read_as_they_are_meant(empty_database: str, tmp_path: Path):
    execute(empty_database, APPLICATION_HABITS)
    build(empty_database, tmp_path, "--exclude-resource-type", "test")
    assert {statement: query(empty_database, statement) for statement in EXPECTED_OF_HABITS} == EXPECTED_OF_HABITS
