"""Relations that have the name of one of the application's tables and are something else, and tables of other names."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest
from conftest import NO_TESTS, environment_of, execute, parsed_before, query, run_dbt
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
create materialized view service_health_metrics as select 1 as id, 'up' as status, 'eu' as region, now() as "timestamp";
create type lead_emails as (id uuid, lead_id uuid, email text);
create index api_usage_log on api_usage (created_at);
"""
SAID = {"campaign_analytics", "api_usage", "user_settings", "service_health_metrics"}


@pytest.fixture(scope="module")
def doctor(server: Server) -> Doctor:
    manifest = parsed_before(["run-operation"], server.environment("postgres"))
    return Doctor(Project(declared_tables(manifest), manifest, "{}"))


def _run(dsn: str, target_path: Path, capfd: pytest.CaptureFixture) -> tuple[bool, str]:
    capfd.readouterr()
    options = [*NO_TESTS, "--target-path", str(target_path), "--log-level", "info"]
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
