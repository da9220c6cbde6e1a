"""Databases of other people: types, keys, collations, sessions and habits that the declared schema does not have.

On the server that has ICU's collations.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from conftest import (
    MARTS,
    NO_TESTS,
    NO_UNIT_TESTS,
    build,
    drop_database,
    environment_of,
    execute,
    invoke_build,
    new_database,
    parsed_before,
    query,
)
from diagnosis.project import Project, declared_tables
from embedded_postgres import Server
from test_doctor import Doctor

pytestmark = pytest.mark.parametrize("server", ["postgres15"], indirect=True)

SOURCE = (Path(__file__).parent / "other_database.sql").read_text()
SPEND = "select sum(total_cost) from analytics.api_cost_tracking"
EXPECTED_OF_SOURCE = {
    SPEND: [(Decimal("0.5000"),)],
    "select sum(paired_calls), sum(double_count_avoided) from analytics.api_usage_reconciliation": [
        (10, Decimal("0.5000"))
    ],
    "select campaign_name, status, total_leads, qualified_leads, total_cost, total_api_cost"
    " from analytics.campaign_analytics order by 1": [
        ("Dentists", "active", 3, 2, Decimal("0.3000"), Decimal("0.3000")),
        ("Plumbers", "active", 2, 1, Decimal("0.2000"), Decimal("0.2000")),
    ],
    "select min(created_at) = '2026-11-05 11:00+00' from analytics.enhanced_leads": [(True,)],
    "select distinct api_service, endpoint from analytics.api_cost_tracking": [("hunter_io", "domain_search")],
    "select count(*) from analytics.data_quality_issues where issue_type <> 'counter_drift'": [(0,)],
}


def keys_as(kind: str, value: str) -> str:
    """Give campaigns' keys another type, and all columns that name one."""
    return "alter table campaigns drop constraint campaigns_pkey;" + "".join(
        f"alter table {table} alter {column} type {kind} using {value.format(column=column)};"
        for table, column in [
            ("campaigns", "id"),
            ("businesses", "campaign_id"),
            ("api_usage", "campaign_id"),
            ("api_usage_log", "campaign_id"),
        ]
    )


SAME_IN_OTHER_FORM = {
    "other types": (
        "create domain moment as timestamptz(0) check (value > '1900-01-01');"
        "create domain price as double precision check (value >= 0); create domain small_price as price;"
        "alter table campaigns alter created_at type timestamp(3) using created_at at time zone 'UTC';"
        "alter table businesses alter created_at type moment, alter confidence_score type smallint,"
        " alter is_qualified type smallint using is_qualified::int, alter discovery_cost drop default,"
        " alter discovery_cost type money;"
        "alter table api_usage alter created_at type timestamp(0) using created_at at time zone 'UTC',"
        " alter cost type small_price, alter response_time type real;"
        "alter table api_usage_log alter created_at type timestamptz(3), alter request_cost type numeric(20, 12)"
    ),
    "keys of text, columns with collations of their own, and addresses": (
        keys_as("text", "'clx9' || right({column}::text, 4) || 'qk3v8z2f0a'")
        + "create collation without_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
        "alter table campaigns alter status type text collate without_case;"
        "alter table businesses alter business_name type text collate without_case,"
        ' alter phone type text collate "C", alter place_id type text collate without_case;'
        'alter table api_usage alter service type text collate "C",'
        " alter error_message type text collate without_case;"
        "alter table api_usage_log alter endpoint type text collate without_case,"
        " alter api_service type varchar(40) collate without_case;"
        'create table enhanced_leads (id uuid primary key, business_name text collate "en-x-icu", campaign_id text,'
        " confidence_score int, created_at timestamptz);"
        "update api_usage_log set endpoint = (array['GET https://api.hunter.io/v2/domain-search?x=1',"
        " '/v2/domain_search/', 'v2/DomainSearch', 'Domain Search', 'api.hunter.io/v2/domain-search/'])"
        "[1 + right(id::text, 1)::int % 5]"
    ),
    "keys that are numbers": (
        keys_as("bigint", "right({column}::text, 4)::bigint")
        + "alter table api_usage alter campaign_id type varchar(20); alter table campaigns add primary key (id)"
    ),
    "keys of text that are uuids": (
        keys_as("text", "upper({column}::text)")
        + "alter table api_usage alter campaign_id type uuid using campaign_id::uuid;"
        "alter table api_usage_log alter campaign_id type text using '{' || campaign_id || '}'"
    ),
}


@contextmanager
def built(server: Server, target_path: Path, *statements: str, options: tuple[str, ...] = NO_TESTS) -> Iterator[str]:
    """The connection string of a database that these statements have made and dbt has built on."""
    with new_database(server) as dsn:
        for statement in statements:
            execute(dsn, statement)
        build(dsn, target_path, *options)
        yield dsn


def answers(dsn: str, expected: dict[str, list[tuple]]) -> dict[str, list[tuple]]:
    return {statement: query(dsn, statement) for statement in expected}


@pytest.mark.parametrize("form", SAME_IN_OTHER_FORM)
def test_what_means_the_same_is_read_as_the_same(server: Server, tmp_path: Path, form: str) -> None:
    with built(server, tmp_path, SOURCE, SAME_IN_OTHER_FORM[form], options=NO_UNIT_TESTS) as dsn:
        assert answers(dsn, EXPECTED_OF_SOURCE) == EXPECTED_OF_SOURCE


@pytest.fixture
def turkish_database(server: Server) -> Iterator[str]:
    name = f"turkish_{uuid.uuid4().hex}"
    with closing(psycopg2.connect(server.dsn("postgres"))) as connection:
        connection.autocommit = True
        connection.cursor().execute(
            f"create database {name} template template0 locale_provider icu icu_locale 'tr-TR' locale 'C.UTF-8'"
        )
    yield server.dsn(name)
    drop_database(server, name)


def test_a_turkish_database_has_the_same_names(turkish_database: str, tmp_path: Path) -> None:
    execute(turkish_database, SOURCE)
    execute(turkish_database, "update api_usage_log set api_service = 'HUNTER.IO', endpoint = 'DOMAIN_SEARCH_I'")
    execute(turkish_database, "update api_usage set endpoint = 'domainSearchI', error_message = 'AUTHORIZATION abc'")
    execute(turkish_database, "update campaigns set status = 'PENDING'")
    execute(
        turkish_database,
        "update businesses set place_id = null, phone = '1',"
        " business_name = case when right(id::text, 1) = '1' then 'HILTON' else 'Hilton' end"
        " where right(id::text, 1) in ('1', '2')",
    )
    build(turkish_database, tmp_path, *NO_TESTS)
    expected = EXPECTED_OF_SOURCE | {
        "select distinct api_service, endpoint from analytics.api_cost_tracking": [("hunter_io", "domain_search_i")],
        "select count(*) from analytics.data_quality_issues where issue_type <> 'counter_drift'": [(2,)],
        "select issue_type from analytics.data_quality_issues order by 1": [("duplicate_lead",), ("unknown_endpoint",)],
        "select last_error from analytics.service_health_metrics where last_error like '%abc%'": [],
    }
    assert answers(turkish_database, expected) == expected


SESSIONS = [
    ("datestyle", "SQL, DMY"),
    ("datestyle", "German"),
    ("datestyle", "Postgres, MDY"),
    ("intervalstyle", "iso_8601"),
    ("extra_float_digits", "-15"),
    ("bytea_output", "escape"),
    ("search_path", "analytics, pg_catalog"),
    ("standard_conforming_strings", "off"),
    ("timezone", "Asia/Kathmandu"),
]
"""Settings that a reader's session may have."""
SUB_CENTS = """
alter table api_usage alter cost type numeric(14, 8);
insert into api_usage (id, campaign_id, service, endpoint, cost, success, response_time, http_status_code, created_at)
select
    gen_random_uuid(), '00000000-0000-4000-8000-000000000001', 'openai', 'chat', 0.00003, true, 100, 200,
    '2026-11-06 10:00+00'::timestamptz + n * interval '1 second'
from generate_series(1, 10000) as n;
update businesses set discovery_cost = 0.0001, enrichment_cost = 0.0001;
alter table businesses alter discovery_cost type numeric(12, 6), alter enrichment_cost type numeric(12, 6);
update businesses set discovery_cost = 0.00004, enrichment_cost = 0;
"""
STILL_ABOVE_THE_WATERMARK = """
insert into api_usage (
    id, campaign_id, service, endpoint, cost, success, response_time, error_message, http_status_code, created_at
)
select
    gen_random_uuid(), null, 'hunter_io', 'domain_search', 0.00003, n <> 1, 100, case n when 1 then 'timeout' end, 500,
    now() + case n when 3 then interval '1 day' else '0' end
from generate_series(1, 3) as n;
insert into businesses (id, campaign_id, business_name, confidence_score, created_at)
values (gen_random_uuid(), gen_random_uuid(), 'late', 120, now())
"""


@pytest.fixture(scope="module")
def of_sub_cents(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with built(server, tmp_path_factory.mktemp("target"), SOURCE, SUB_CENTS, options=NO_UNIT_TESTS) as dsn:
        execute(dsn, STILL_ABOVE_THE_WATERMARK)
        yield dsn


def test_money_is_added_up_before_it_is_rounded(of_sub_cents: str) -> None:
    expected = {
        f"{SPEND} where api_service = 'openai'": [(Decimal("0.3000"),)],
        "select sum(counted_cost) from analytics.api_usage_reconciliation where api_service = 'openai'": [
            (Decimal("0.3000"),)
        ],
        "select distinct cost_per_request from analytics.api_cost_tracking where api_service = 'openai'": [
            (Decimal("0.000030"),)
        ],
        "select total_cost from analytics.campaign_analytics where campaign_name = 'Dentists'": [(Decimal("0.0001"),)],
    }
    assert answers(of_sub_cents, expected) == expected


@pytest.mark.parametrize(("setting", "value"), SESSIONS)
def test_marts_say_the_same_to_every_session(of_sub_cents: str, setting: str, value: str) -> None:
    with closing(psycopg2.connect(of_sub_cents)) as connection, connection.cursor() as cursor:
        for mart in MARTS:
            cursor.execute("set local timezone to 'UTC'")  # in one transaction, so at one time
            cursor.execute(f"create temp table usual_{mart} as select * from analytics.{mart}")
            cursor.execute("select set_config(%s, %s, true)", (setting, value))
            cursor.execute(f"create temp table {mart} as select * from analytics.{mart}")
            cursor.execute(f"reset {setting}")
            rows, usual_rows = (
                _texts(cursor, f"select to_jsonb(mart)::text from pg_temp.{table} as mart order by 1")
                for table in (mart, f"usual_{mart}")
            )
            assert rows == usual_rows, mart
            assert rows or mart in ("dashboard_exports",), mart


def _texts(cursor: Any, statement: str) -> list[tuple]:
    cursor.execute(statement)
    return cursor.fetchall()


LATER_APPLICATION = """
create table campaigns (
    id uuid primary key, user_id uuid, name text, status text, quality_threshold int, min_confidence_score int,
    total_cost numeric(10, 4), created_at timestamptz
);
create table enhanced_leads (
    id uuid primary key, campaign_id uuid, business_name text, confidence_score int, discovery_cost numeric(10, 4),
    enrichment_cost numeric(10, 4), validation_cost numeric(10, 4), created_at timestamptz
);
create table api_usage_log (
    id uuid primary key default gen_random_uuid(), campaign_id uuid, api_service text, endpoint text,
    request_cost numeric(8, 4), response_status int, credits_used int, processing_time_ms int, created_at timestamptz
);
create table api_cost_tracking (
    id uuid primary key default gen_random_uuid(), campaign_id uuid, api_service text, endpoint text, request_count int,
    cost_per_request numeric(8, 4), total_cost numeric(10, 4), success_count int, error_count int,
    avg_response_time_ms int, date date, hour int, created_at timestamptz
);
create table service_health_metrics (
    id uuid primary key default gen_random_uuid(), service_name text, status text, cost_budget_remaining numeric(10, 2),
    "timestamp" timestamptz
);
insert into campaigns values
    ('10000000-0000-4000-8000-000000000001', null, 'a', 'processing', 90, 50, 0.3440, '2026-01-05 10:00+00'),
    ('10000000-0000-4000-8000-000000000002', null, 'b', 'running', 90, 50, 0.3700, '2026-01-05 10:00+00');
insert into enhanced_leads values
    ('20000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000001', 'A', 60, 0.172, 0.172, null,
    '2026-01-05 10:01+00'),
    ('20000000-0000-4000-8000-000000000002', '10000000-0000-4000-8000-000000000002', 'B', 60, null, null, 0.374,
    '2026-01-05 10:01+00');
insert into api_cost_tracking (
    campaign_id, api_service, endpoint, request_count, cost_per_request, total_cost, success_count, date, hour,
    created_at
)
select
    '10000000-0000-4000-8000-000000000001', service, endpoint, 1, cost, cost, 1, '2026-01-05', 10,
    '2026-01-05 10:01+00'
from (values
    ('apollo', 'enrichment', 0.02), ('hunter_io', 'email_pattern_generation', 0.05),
    ('hunter_io', 'email_pattern_generation', 0.08),
    ('apollo', 'lead_discovery', 0.01), ('hunter_io', 'lead_discovery', 0.05), ('apollo', 'Lead-Discovery', 0.01),
    ('hunter_io', 'lead_discovery', 0.08)
) as recorded (service, endpoint, cost);
insert into api_usage_log (
    campaign_id, api_service, endpoint, request_cost, response_status, credits_used, processing_time_ms, created_at
)
select
    '10000000-0000-4000-8000-000000000002', 'scrapingdog', 'multi_radius_search', cost, 200, credits, 5200,
    '2026-01-05 00:00+00'::timestamptz + hour * interval '1 hour'
from (values (10, 0, 60), (11, null, 10), (12, 0.02, 10)) as calls (hour, cost, credits);
insert into service_health_metrics (service_name, status, cost_budget_remaining, "timestamp") values
    ('scrapingdog', 'healthy', 41.5, '2026-01-05 10:30+00'), ('scrapingdog', 'healthy', null, '2026-01-05 11:30+00'),
    ('scrapingdog', 'healthy', 17.25, '2026-01-05 13:30+00');
"""
EXPECTED_OF_LATER_APPLICATION = {
    # money that other records have already
    "select sum(counted_calls), sum(counted_cost), sum(double_count_avoided) from analytics.api_usage_reconciliation"
    " where api_service <> 'scrapingdog'": [(3, Decimal("0.1500"), Decimal("0.1500"))],
    "select count(*), min(details) from analytics.data_quality_issues where issue_type = 'repeated_cost'": [
        (4, "0.0100 USD of lead_discovery are in other records already, not counted")
    ],
    # credits that have a price
    "select hour, total_cost, estimated_cost from analytics.api_cost_tracking where api_service = 'scrapingdog'"
    " order by 1": [
        (10, Decimal("0.0480"), Decimal("0.0480")),
        (11, Decimal("0.0080"), Decimal("0.0080")),
        (12, Decimal("0.0200"), Decimal("0.0000")),
    ],
    # what the newest ping says of a budget that reference data lacks
    "select cost_budget_remaining from analytics.service_health_metrics where service_name = 'scrapingdog'"
    " order by hour_start": [(Decimal(left),) for left in ("41.5", "41.5", "41.5", "17.25")],
    # a threshold in a column, statuses and costs that came later, and a counter that keeps four decimals or two
    "select campaign_name, status, qualified_leads, total_cost, recorded_cost, cost_drift"
    " from analytics.campaign_analytics order by 1": [
        ("a", "active", 1, Decimal("0.3440"), Decimal("0.3440"), Decimal("0.0000")),
        ("b", "active", 1, Decimal("0.3740"), Decimal("0.3700"), Decimal("-0.0040")),
    ],
}


def test_what_later_versions_of_the_application_write_is_read(server: Server, tmp_path: Path) -> None:
    drifting = "select campaign_id from analytics.data_quality_issues where issue_type = 'counter_drift'"
    with built(server, tmp_path, LATER_APPLICATION, options=NO_UNIT_TESTS) as dsn:
        assert answers(dsn, EXPECTED_OF_LATER_APPLICATION) == EXPECTED_OF_LATER_APPLICATION
        assert len(query(dsn, drifting)) == 1
    cents = "alter table campaigns alter total_cost type numeric(10, 2)"
    with built(server, tmp_path, LATER_APPLICATION, cents) as dsn:
        assert query(dsn, drifting) == []


LOCAL_HOURS = """
create table campaigns (id text primary key, user_id uuid, name text, status text, created_at timestamptz);
create table enhanced_leads (
    id bigserial primary key, campaign_id text, business_name text, confidence_score int, created_at timestamptz
);
create table dashboard_exports (
    id bigserial primary key, campaign_id text, campaign_ids text[], export_type text, row_count int,
    created_at timestamptz
);
create table api_usage_log (
    id bigserial primary key, campaign_id text, api_service text, endpoint text, request_cost numeric(8, 4),
    response_status int, created_at timestamptz
);
create table api_cost_tracking (
    id bigserial primary key, campaign_id text, api_service text, endpoint text, request_count int,
    total_cost numeric(10, 4), success_count int, date date, hour int, created_at timestamptz
);
insert into campaigns values
    ('campaign_1760000000000_abc123xyz', null, 'a', 'running', '2026-01-05 00:00+00'),
    ('10000000-0000-4000-8000-000000000001', null, 'b', 'running', '2026-01-05 00:00+00');
insert into enhanced_leads (campaign_id, business_name, confidence_score, created_at)
select id, 'Shop', 90, '2026-01-05 10:01+00' from campaigns;
insert into dashboard_exports (campaign_id, campaign_ids, export_type, row_count, created_at)
select id, array[id, '7'], 'lead_export', 1, '2026-01-05 11:00+00' from campaigns;
insert into api_usage_log (campaign_id, api_service, endpoint, request_cost, response_status, created_at)
select id, 'scrapingdog', 'multi_radius_search', 0.02, 200, '2026-01-05 04:00+00'::timestamptz + n * interval '1 hour'
from campaigns, generate_series(0, 23) as n;
insert into api_cost_tracking (
    campaign_id, api_service, endpoint, request_count, total_cost, success_count, date, hour, created_at
)
select
    campaign_id, api_service, endpoint, 1, request_cost, 1, (created_at at time zone 'UTC')::date,
    extract(hour from created_at at time zone 'America/Chicago'), created_at + interval '1 second'
from api_usage_log
"""


def test_hours_of_the_servers_zone_beside_a_date_in_utc_are_found_out(server: Server, tmp_path: Path) -> None:
    calls = "select sum(request_count), sum(total_cost), count(distinct (date, hour)) from analytics.api_cost_tracking"
    with built(server, tmp_path, LOCAL_HOURS) as dsn:
        assert query(dsn, calls) == [(48, Decimal("0.9600"), 24)]
        # keys that are no uuid: children find their parents
        assert query(
            dsn,
            "select campaign_name, total_leads, total_api_calls, row_count, campaign_id = campaign_ids[1]"
            " from analytics.campaign_analytics inner join analytics.dashboard_exports using (campaign_id) order by 1",
        ) == [("a", 1, 24, 1, True), ("b", 1, 24, 1, True)]


LOCAL_TIMES = """
alter table api_usage_log
alter created_at type timestamp without time zone using created_at at time zone 'Europe/Berlin'
"""


def test_a_log_in_the_servers_time_is_no_second_set_of_calls(server: Server, tmp_path: Path) -> None:
    with new_database(server) as dsn:
        execute(dsn, SOURCE + LOCAL_TIMES)
        execute(dsn, f"alter database {environment_of(dsn)['PGDATABASE']} set timezone = 'Europe/Berlin'")
        refused = invoke_build(dsn, tmp_path)
        assert "api_usage_log.created_at has no time zone" in str(refused.exception)
        assert "Set the variable source_timezone to Europe/Berlin" in str(refused.exception)
        build(dsn, tmp_path, *NO_TESTS, source_timezone="Europe/Berlin")
        assert query(dsn, SPEND) == [(Decimal("0.5000"),)]


SLOW_CALLS = """
update api_usage set response_time = 14000;
update api_usage_log set created_at = created_at + interval '12 seconds', processing_time_ms = 14000;
"""


def test_calls_whose_two_records_lie_far_apart_are_warned_of(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with built(server, tmp_path, SOURCE, SLOW_CALLS) as dsn:
        warning = " ".join(capsys.readouterr().out.split())
        assert "10 (0.5000 USD) have no record in api_usage_log within 5 s, but one within 14 s" in warning
        manifest = parsed_before(["run-operation"], environment_of(dsn))
        doctor = Doctor(Project(declared_tables(manifest), manifest, "{}"))
        assert doctor.finds(dsn, "no_duplicate_logging") == {}
        assert doctor.finds(dsn, "distant_records")["hunter_io"]["remedy"].endswith("tolerance_seconds to 14")
        build(dsn, tmp_path, *NO_TESTS, api_log_match_tolerance_seconds=14)
        assert "have no record in api_usage_log" not in capsys.readouterr().out
        assert query(dsn, SPEND) == [(Decimal("0.5000"),)]


UNREADABLE = {
    "businesses.created_at": "alter table businesses alter created_at type bigint using extract(epoch from created_at)",
    "businesses.confidence_score": "alter table businesses alter confidence_score type text using 'high'",
}


@pytest.mark.parametrize("column", UNREADABLE)
def test_a_required_column_that_no_row_can_be_read_in_ends_the_run(server: Server, tmp_path: Path, column: str) -> None:
    with new_database(server) as dsn:
        execute(dsn, SOURCE)
        execute(dsn, UNREADABLE[column])
        assert f"public.{column} is" in str(invoke_build(dsn, tmp_path).exception)
