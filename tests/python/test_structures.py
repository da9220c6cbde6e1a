"""Relations that have the name of one of the application's tables and are something else, and tables of other names."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest
from conftest import NO_TESTS, REPOSITORY, ShapeDatabase, build, environment_of, execute, parsed_before, query, run_dbt
from diagnosis.project import Project, declared_tables
from embedded_postgres import Server
from test_doctor import Doctor

CAMPAIGN = "10000000-0000-4000-8000-000000000001"
SOURCE = f"""
create table campaigns (id uuid primary key, user_id uuid, name text, status text, created_at timestamptz);
create table enhanced_leads (
    id uuid primary key, campaign_id uuid, business_name text, confidence_score int, created_at timestamptz
);
insert into campaigns values ('{CAMPAIGN}', null, 'a', 'completed', '2026-01-05 10:00+00');
"""
OTHERS = """
create view campaign_analytics as select id::text as id, status, created_at, 0 as actual_leads from campaigns;
create table api_usage (id uuid primary key, user_id uuid, endpoint text, tokens int, created_at timestamptz);
insert into api_usage values (gen_random_uuid(), null, '/v1/chat', 100, now());
create table user_settings (id uuid primary key, key text, value text);
create materialized view service_health_metrics as
select 1 as id, 'up' as status, 'eu' as region, 3 as nodes, now() as "timestamp";
create type lead_emails as (id uuid, lead_id uuid, email text);
create index api_usage_log on api_usage (created_at);
"""
SAID = {"campaign_analytics", "api_usage", "user_settings", "service_health_metrics"}


@pytest.fixture(scope="module")
def doctor(server: Server) -> Doctor:
    manifest = parsed_before(["run-operation"], server.environment("postgres"))
    return Doctor(Project(declared_tables(manifest), manifest, "{}"))


def _run(dsn: str, target_path: Path, capfd: pytest.CaptureFixture, *arguments: str) -> tuple[bool, str]:
    capfd.readouterr()
    options = [*NO_TESTS, *arguments, "--target-path", str(target_path), "--log-level", "info"]
    success = run_dbt(["build", *options], environment_of(dsn)).success
    return success, capfd.readouterr().out


def test_what_only_has_the_name_is_read_as_missing(
    empty_database: str, doctor: Doctor, tmp_path: Path, capfd: pytest.CaptureFixture
):
    execute(empty_database, SOURCE + OTHERS)
    success, output = _run(empty_database, tmp_path, capfd)
    assert success, output
    assert query(empty_database, "select count(*) from analytics.campaign_metrics where origin <> 'derived'") == [(0,)]
    assert query(empty_database, "select count(*) from analytics.service_health_metrics") == [(0,)]
    assert query(empty_database, "select count(*) from analytics.budget_status") == [(0,)]
    assert (
        "Not that table, and read as missing: campaign_analytics (it has none of metric_name, metric_value)" in output
    )
    found = doctor.finds(empty_database, "another_structure")
    assert found.keys() == SAID
    for name in SAID:
        assert f"Not that table, and read as missing: {name} (" in output
    missing = doctor.finds(empty_database, "missing_table")
    assert SAID | {"lead_emails", "api_usage_log"} <= missing.keys()
    assert not doctor.finds(empty_database, "not_readable")


def test_campaigns_that_are_something_else_end_the_run(
    empty_database: str, doctor: Doctor, tmp_path: Path, capfd: pytest.CaptureFixture
):
    execute(empty_database, SOURCE.replace("name text, status text", "subject text, body text"))
    success, output = _run(empty_database, tmp_path, capfd)
    assert not success
    said = "missing, or not readable by postgres: table public.campaigns. Of another structure: campaigns."
    assert said in " ".join(output.split())
    (finding,) = doctor.finds(empty_database, "missing_required").values()
    assert said in finding["message"]


def test_columns_that_may_not_be_read_are_no_other_structure(empty_database: str, doctor: Doctor):
    """Nor is a table all of whose optional columns are missing."""
    execute(empty_database, SOURCE)
    execute(empty_database, "create table dashboard_exports (id uuid, created_at timestamptz)")
    execute(
        empty_database, "create table campaign_analytics (id bigint, metric_name text, metric_value numeric, x text)"
    )
    execute(empty_database, "create role reader login password 'x'; grant select (id) on campaign_analytics to reader")
    try:
        url = psycopg2.extensions.make_dsn(empty_database, user="reader", password="x")
        assert not doctor.finds(url, "another_structure")
        assert "campaign_analytics" in doctor.finds(url, "not_readable")
    finally:
        execute(empty_database, "drop owned by reader; drop role reader")


LATER = """
create table campaigns (
    id text primary key, user_id uuid, name text, status text, total_cost numeric, created_at timestamptz
);
create table leads (
    id uuid primary key, campaign_id text, company text, phone text, website text, confidence int,
    validation_cost numeric(10, 4), created_at timestamptz
);
create table enhanced_api_usage (
    id uuid primary key default gen_random_uuid(), campaign_id text, source_name text, endpoint text,
    actual_cost numeric(10, 4), estimated_cost numeric(10, 4), cache_hit boolean, created_at timestamptz
);
create index on enhanced_api_usage (created_at);
create index on leads (created_at);
insert into campaigns values
    ('campaign_1760000000000_abc123xyz', null, 'a', 'completed', 0.02, '2026-01-05 10:00+00'),
    ('10000000-0000-4000-8000-000000000001', null, 'b', 'running', 0.02, '2026-01-05 10:00+00');
insert into leads
select gen_random_uuid(), id, 'Shop', '555-0101', 'shop.example', 90, 0.02, '2026-01-05 11:00+00' from campaigns;
insert into enhanced_api_usage (campaign_id, source_name, endpoint, actual_cost, estimated_cost, cache_hit, created_at)
select id, 'hunter_io', 'domain_search', cost, 0.03, cost is null, '2026-01-05 11:00+00'
from campaigns, unnest(array[0.05, null]) as cost;
"""
UNREAD = """
create table api_prices (service text, endpoint text, price_usd numeric, valid_from date);
insert into api_prices values ('hunter_io', 'domain_search', 1, now());
create table companies (id uuid, company_name text, phone text, email text);
insert into companies values (gen_random_uuid(), 'a customer', '1', '2');
create view spend_by_source as
select source_name, created_at, campaign_id, sum(actual_cost) as total_cost from enhanced_api_usage group by 1, 2, 3;
create table provider_charges (provider text, status text, charge_usd double precision, at timestamptz);
create materialized view broken_calls as
select 'x' as service, 1 as cost, 'ok' as status, now() as created_at with no data;
"""
TOLD = "Not read, and not in the marts, though it looks like what they are about: "


def test_money_and_leads_that_nobody_reads_are_told_of(
    empty_database: str, doctor: Doctor, tmp_path: Path, capfd: pytest.CaptureFixture
):
    """Of those with rows, and not of views on them, price lists, the application's customers, or what is broken."""
    execute(empty_database, LATER + UNREAD)
    execute(empty_database, "alter table campaigns rename to searches")
    execute(empty_database, SOURCE)
    success, output = _run(empty_database, tmp_path, capfd, "--select", "+stg_campaigns")
    assert success, output
    assert f"{TOLD}enhanced_api_usage (paid calls), leads (leads)." in " ".join(output.split())
    found = doctor.finds(empty_database, "unread")
    assert found.keys() == {"enhanced_api_usage", "leads"}
    assert "4 rows, actual_cost adds up to 0.10, in no mart" in found["enhanced_api_usage"]["message"]
    assert "2 rows, validation_cost adds up to 0.04" in found["leads"]["message"]
    execute(empty_database, "delete from leads; delete from enhanced_api_usage")
    assert not doctor.finds(empty_database, "unread")


@pytest.mark.parametrize(
    "columns",
    [
        '"vendorName" text, "totalCost" double precision, "userId" int, "calledAt" timestamp',
        "provider varchar(20), price_usd money, request_id text, at timestamptz",
        "api text, amount numeric, credits int, day date",
    ],
)
def test_other_logs_of_paid_calls(empty_database: str, doctor: Doctor, columns: str):
    execute(empty_database, f"{SOURCE} create table spending ({columns}); insert into spending default values")
    assert set(doctor.finds(empty_database, "unread")) == {"spending"}


def test_the_sample_has_nothing_unread(shape_database: ShapeDatabase, doctor: Doctor):
    assert not doctor.finds(shape_database.dsn, "unread")
    assert not doctor.finds(shape_database.dsn, "another_structure")


def test_the_example_of_tables_of_other_names(empty_database: str, server: Server, tmp_path: Path):
    """As it is documented; rows that are new show at once, and a run finds what else has changed."""
    execute(empty_database, LATER)
    text = (REPOSITORY / "docs" / "other-names.md").read_text()
    execute(empty_database, re.search(r"^```pgsql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1])
    schema = {"source_schema": "leadgen_source"}
    build(empty_database, tmp_path, **schema)
    columns = "campaign_name, total_leads, total_cost, total_api_calls, total_api_cost"
    campaigns = f"select {columns} from analytics.campaign_analytics"
    assert sorted(query(empty_database, campaigns)) == [(n, 1, _usd("0.02"), 2, _usd("0.05")) for n in "ab"]
    assert query(empty_database, "select count(*) from analytics.enhanced_leads where campaign_id is null") == [(0,)]

    execute(
        empty_database,
        "insert into enhanced_api_usage (campaign_id, source_name, endpoint, actual_cost, cache_hit, created_at)"
        " select id, 'hunter_io', 'domain_search', 0.07, false, now() from campaigns where name = 'a'",
    )
    assert ("a", 1, _usd("0.02"), 3, _usd("0.12")) in query(empty_database, campaigns)
    execute(empty_database, "update enhanced_api_usage set actual_cost = 0.06 where actual_cost = 0.05")
    execute(empty_database, "delete from leads where campaign_id like 'campaign%'")
    build(empty_database, tmp_path, **schema)
    rows = [("a", 0, 0, 3, _usd("0.13")), ("b", 1, _usd("0.02"), 2, _usd("0.06"))]
    assert sorted(query(empty_database, campaigns)) == rows

    options = ["run-operation", "--vars", json.dumps(schema)]
    manifest = parsed_before(options, server.environment("postgres"))
    doctor = Doctor(Project(declared_tables(manifest), manifest, json.dumps(schema)))
    found = doctor(empty_database)["findings"]
    assert not [finding for finding in found if finding["severity"] == "error"]
    unindexed = {finding["object"] for finding in found if finding["code"] == "index_not_looked_at"}
    assert unindexed == {"api_usage_log.created_at", "enhanced_leads.created_at", "enhanced_leads.campaign_id"}
    assert not {"unread", "missing_index"} & {finding["code"] for finding in found}


def _usd(text: str) -> Decimal:
    return Decimal(text)
