"""What the doctor says of databases with something wrong, of each shape, and of what it cannot look at."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from clones import PATIENCE_SECONDS
from conftest import (
    ONE_SERVER,
    REPOSITORY,
    ShapeDatabase,
    environment_of,
    execute,
    libpq_environment,
    parsed_before,
    query,
    run_dbt,
    spare_parsing,
)
from diagnosis.project import Project, declared_tables
from doctor import diagnose
from embedded_postgres import Server

SOURCE = """
create table campaigns (id uuid primary key, name text, status text, created_at timestamptz);
create table businesses (
    id uuid primary key, campaign_id uuid references campaigns on delete cascade, business_name text,
    confidence_score int, created_at timestamptz
);
create index on businesses (campaign_id);
create index on businesses (created_at);
"""
AREAS = {"source", "foreign keys", "spend", "clocks", "extensions", "rights"}
DECLARED = yaml.safe_load((REPOSITORY / "models/staging/sources/app.yml").read_text())["sources"][0]["tables"]
MARTS = yaml.safe_load((REPOSITORY / "models/marts/marts.yml").read_text())["models"]


@pytest.fixture(scope="module")
def project(server: Server) -> Project:
    manifest = parsed_before(["run-operation"], server.environment("postgres"))
    manifest.build_parent_and_child_maps()
    return Project(declared_tables(manifest), manifest, "{}")


class Doctor:
    """The doctor in this process, on the project as it was parsed once."""

    def __init__(self, project: Project):
        self.project = project

    def __call__(self, dsn: str, timeout: float = 300, is_embedded: bool = False) -> dict[str, Any]:
        with libpq_environment(environment_of(dsn)), closing(psycopg2.connect(dsn)) as connection:
            return diagnose(connection, self.project, timeout, is_embedded)

    def finds(self, dsn: str, code: str, **options: Any) -> dict[str, dict[str, Any]]:
        """Findings of one code, by object."""
        findings = [finding for finding in self(dsn, **options)["findings"] if finding["code"] == code]
        assert len({finding["object"] for finding in findings}) == len(findings)
        return {finding["object"]: finding for finding in findings}


@pytest.fixture
def doctor(project: Project) -> Doctor:
    return Doctor(project)


@pytest.fixture
def source(empty_database: str) -> str:
    execute(empty_database, SOURCE)
    return empty_database


@contextmanager
def _role(dsn: str, attributes: str = "") -> Iterator[str]:
    """A role that can do what README says, and nothing else; the connection string is that role's."""
    name = environment_of(dsn)["PGDATABASE"]
    execute(dsn, f"create role patient login password 'x' {attributes}; grant create on database {name} to patient")
    execute(dsn, "grant select on all tables in schema public to patient")
    try:
        yield psycopg2.extensions.make_dsn(dsn, user="patient", password="x")
    finally:
        execute(dsn, "drop owned by patient cascade; drop role patient")


# What a database is


def test_shape_and_every_finding_is_well_formed(shape_database: ShapeDatabase, doctor: Doctor):
    report = doctor(shape_database.dsn)
    assert report["shape"] == shape_database.shape
    assert report["version"] == 1
    assert sum(report["counts"].values()) == len(report["findings"])
    for finding in report["findings"]:
        assert set(finding) == {"area", "code", "severity", "object", "message", "remedy"}
        assert re.fullmatch("[a-z_]+", finding["code"]) and finding["severity"] in report["counts"]
        assert "\n" not in finding["message"] + (finding["remedy"] or "")
    # A run says the same.
    log = (shape_database.target_path / "dbt.log").read_text()
    missing = {finding["object"] for finding in report["findings"] if finding["code"] == "missing_table"}
    said = re.search(r"Missing tables, read as empty: (.*)", log)
    assert missing == (set(said[1].split(", ")) if said else set())
    indexes = [finding["remedy"] for finding in report["findings"] if finding["code"] == "missing_index"]
    assert indexes and all(statement in log for statement in indexes)


def test_what_is_said_to_be_empty_is(shape_database: ShapeDatabase, doctor: Doctor):
    """Exactly the columns of marts that no row of a sample in which everything occurs fills."""
    expected = _said_to_be_empty(doctor(shape_database.dsn))
    empty, constant = _empty_columns(shape_database.dsn)
    # For this one there would have to be a budget of a service.
    empty.discard("service_health_metrics.cost_budget_remaining")
    assert empty <= expected <= empty | constant


@ONE_SERVER
def test_missing_columns_cost_what_is_said(server: Server, empty_database: str, doctor: Doctor, tmp_path: Path):
    """One column of each table is gone, and some that only together fill a column of a mart."""
    from generate_sample_data import generate

    generate(empty_database, "hybrid", api_calls=2_000)
    dropped = [
        "campaigns.budget_limit", "campaigns.completed_at", "campaigns.user_id", "businesses.phone",
        "enhanced_leads.phone", "businesses.place_id", "businesses.latitude", "enhanced_leads.location_coordinates",
        "api_usage.rate_limit_remaining", "api_usage.response_time", "api_usage_log.processing_time_ms",
        "api_usage_log.credits_used", "user_settings.daily_budget_limit", "export_history.leads_count",
        "dashboard_exports.row_count", "lead_emails.verification_status", "campaign_analytics.api_service",
        "service_health_metrics.last_error", "lead_qualification_metrics.hour",
    ]  # fmt: skip
    for name in dropped:
        table, column = name.split(".")
        execute(empty_database, f"alter table {table} drop column {column} cascade")
    execute(empty_database, "drop table lead_social_profiles")
    options = ["--exclude-resource-type", "test", "unit_test", "--target-path", str(tmp_path)]
    assert run_dbt(["build", *options], environment_of(empty_database)).success
    report = doctor(empty_database)
    named = {finding["object"] for finding in report["findings"] if finding["code"] == "missing_column"}
    assert named == set(dropped)
    expected = _said_to_be_empty(report)
    assert {"enhanced_leads.phone", "enhanced_leads.duplicate_of", "campaign_analytics.budget_limit"} <= expected
    empty, constant = _empty_columns(empty_database)
    empty.discard("service_health_metrics.cost_budget_remaining")
    assert empty <= expected <= empty | constant


def _said_to_be_empty(report: dict[str, Any]) -> set[str]:
    codes = ("missing_table", "missing_column", "empty_columns")
    messages = [finding["message"] for finding in report["findings"] if finding["code"] in codes]
    lists = [re.search(r"(?:are empty or 0|form of the tables): ([^;]*)", message) for message in messages]
    return {name for found in lists if found for name in found[1].split(", ")}


def _empty_columns(dsn: str) -> tuple[set[str], set[str]]:
    """Columns of marts in which every row is NULL, and those in which every row is 0, false or NULL."""
    empty, constant = set(), set()
    for mart in MARTS:
        names = [column["name"] for column in mart["columns"]]
        counts = ", ".join(
            f'count("{name}"), count(*) filter (where "{name}"::text !~ \'^(0(\\.0+)?|false|f)$\')' for name in names
        )
        ((*numbers,),) = query(dsn, f"select {counts} from analytics.{mart['name']}")
        for name, filled, telling in zip(names, numbers[::2], numbers[1::2], strict=True):
            if not filled:
                empty.add(f"{mart['name']}.{name}")
            elif not telling:
                constant.add(f"{mart['name']}.{name}")
    return empty, constant


def test_what_feeds_the_marts_is_declared(project: Project):
    columns = {f"{mart['name']}.{column['name']}" for mart in MARTS for column in mart["columns"]}
    names = {mart["name"] for mart in MARTS}
    downstream = {table: _downstream(project, table) for table in project.tables}
    for table in project.tables.values():
        assert set(table.feeds) <= names & downstream[table.name]
        for column, targets in table.column_feeds.items():
            assert set(targets) <= columns, column
            assert {target.split(".")[0] for target in targets} <= downstream[table.name], column


def _downstream(project: Project, table: str) -> set[str]:
    waiting = [f"source.leadgen_analytics.app.{table}"]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += project.manifest.child_map[name]
    return {name.rpartition(".")[2] for name in seen}


# What is wrong with it


def test_required_and_unreadable(source: str, doctor: Doctor):
    execute(source, "create table user_settings (user_id uuid primary key, daily_budget_limit numeric, api_keys jsonb)")
    execute(source, "alter table businesses drop column confidence_score")
    with _role(source) as role:
        execute(
            source, "revoke select on user_settings, campaigns from patient; grant select (id) on campaigns to patient"
        )
        report = doctor(role)
        found = {(finding["code"], finding["object"]): finding for finding in report["findings"]}
        missing = found["missing_required", "public"]
        assert report["shape"] is None
        assert missing["severity"] == "error"
        for name in ("businesses.confidence_score", "campaigns.name", "campaigns.status"):
            assert f"column public.{name}" in missing["message"]
        # Not api_keys.
        grant = 'grant select ("user_id", "daily_budget_limit") on "public"."user_settings" to "patient";'
        assert found["not_readable", "user_settings"]["remedy"] == grant
        for code in ("user_settings", "campaigns"):
            execute(source, found["not_readable", code]["remedy"])
        assert not doctor.finds(role, "not_readable")


def test_types_and_indexes(source: str, doctor: Doctor):
    execute(source, "alter table businesses alter confidence_score type text; drop index businesses_created_at_idx")
    execute(source, "insert into businesses (id, confidence_score) values (gen_random_uuid(), '7')")
    mistyped = doctor.finds(source, "mistyped_column")["businesses.confidence_score"]
    # no statement: where marts are built, PostgreSQL refuses it
    assert "a type that casts to integer" in mistyped["remedy"] and not mistyped["remedy"].endswith(";")
    missing = doctor.finds(source, "missing_index")["businesses.created_at"]
    execute(source, missing["remedy"].replace(" concurrently", ""))
    assert doctor.finds(source, "indexes")


def test_foreign_keys(source: str, doctor: Doctor):
    execute(
        source,
        """
        create table enhanced_leads (like businesses including all);
        create table lead_emails (id uuid primary key, lead_id uuid references enhanced_leads, email text);
        create table lead_social_profiles (id uuid primary key, lead_id uuid, platform text);
        create table api_usage (
            id uuid primary key, campaign_id uuid, service text, endpoint text, cost numeric(10, 4), success boolean,
            business_id uuid constraint calls_of references enhanced_leads on delete set null, created_at timestamptz
        );
        alter table api_usage add constraint late foreign key (campaign_id) references campaigns not valid;
        alter table businesses disable trigger all;
        """,
    )
    wrong = doctor.finds(source, "foreign_key_wrong")
    assert set(wrong) == {"lead_emails.lead_emails_lead_id_fkey", "api_usage.calls_of"}
    assert "points at enhanced_leads, not at businesses" in wrong["api_usage.calls_of"]["message"]
    assert "migrate_source" in wrong["lead_emails.lead_emails_lead_id_fkey"]["remedy"]
    assert set(doctor.finds(source, "foreign_key_missing")) == {"lead_social_profiles.lead_id"}
    late = doctor.finds(source, "foreign_key_not_validated")
    assert set(late) == {"api_usage.late"}
    off = doctor.finds(source, "foreign_key_off")
    assert set(off) == {"businesses.businesses_campaign_id_fkey"}

    for finding in (wrong["api_usage.calls_of"], *late.values(), *off.values()):
        execute(source, finding["remedy"])
    rules = query(source, "select pg_get_constraintdef(oid) from pg_constraint where conname = 'calls_of'")
    assert rules == [("FOREIGN KEY (business_id) REFERENCES businesses(id) ON DELETE SET NULL",)]
    assert set(doctor.finds(source, "foreign_key_wrong")) == {"lead_emails.lead_emails_lead_id_fkey"}
    assert not doctor.finds(source, "foreign_key_not_validated")
    assert not doctor.finds(source, "foreign_key_off")
    migration = ["run-operation", "migrate_source", "--args", "{apply: true}"]
    assert run_dbt(migration, environment_of(source)).success
    assert not doctor.finds(source, "foreign_key_wrong")
    assert not doctor.finds(source, "foreign_key_missing")


def test_enhanced_leads_are_the_right_target_where_there_is_nothing_else(source: str, doctor: Doctor):
    execute(
        source,
        """
        alter table businesses rename to enhanced_leads;
        create table lead_emails (id uuid primary key, lead_id uuid references enhanced_leads, email text);
        """,
    )
    assert set(doctor.finds(source, "foreign_keys")) == {"public"}


def test_duplicate_logging(shape_database: ShapeDatabase, doctor: Doctor):
    (avoided,) = query(shape_database.dsn, "select sum(double_count_avoided) from analytics.api_usage_reconciliation")
    (finding,) = doctor.finds(shape_database.dsn, "duplicate_logging").values()
    assert f"counts {avoided[0]:,.2f} USD twice" in finding["message"]


def test_duplicate_logging_before_a_run(source: str, doctor: Doctor):
    assert doctor.finds(source, "single_log")
    required = "id uuid primary key, endpoint text, created_at timestamptz"
    execute(source, f"create table api_usage ({required}, service text, cost numeric(10, 4), success boolean)")
    execute(source, f"create table api_usage_log ({required}, api_service text)")
    (finding,) = doctor.finds(source, "not_built").values()
    assert finding["remedy"] == "./scripts/run"


def test_clocks(source: str, doctor: Doctor):
    report = doctor(source)
    assert [finding["severity"] for finding in report["findings"] if finding["area"] == "clocks"] == ["ok"] * 3
    name = environment_of(source)["PGDATABASE"]
    execute(source, f"alter database {name} set timezone = 'Asia/Kolkata'")
    execute(source, "alter table campaigns add completed_at timestamp")
    execute(
        source,
        """
        insert into campaigns (id, created_at)
        select gen_random_uuid(), now() + span * interval '1 minute' from unnest(array[1, 1000, 1000000]) as span
        union all select gen_random_uuid(), 'infinity'
        """,
    )
    zone = doctor.finds(source, "time_zone")["TimeZone"]
    assert zone["severity"] == "info"
    assert "sessions are in Asia/Kolkata" in zone["message"] and f"database {name}: Asia/Kolkata" in zone["message"]
    without = doctor.finds(source, "time_without_zone")["campaigns.completed_at"]
    assert without["severity"] == "warning" and not without["remedy"].endswith(";")
    assert "2 rows" in doctor.finds(source, "future_timestamps")["campaigns.created_at"]["message"]


def test_a_clock_that_is_off(source: str, doctor: Doctor, monkeypatch: pytest.MonkeyPatch):
    import time

    true_time = time.time
    monkeypatch.setattr("diagnosis.clocks.time.time", lambda: true_time() + 3_600)
    (finding,) = doctor.finds(source, "clock_skew").values()
    assert finding["severity"] == "warning"
    # as exactly as it can be told while the server takes its time to answer
    seconds = re.search(r"([\d.]+) s behind", finding["message"])[1]
    assert float(seconds) == pytest.approx(3_600, abs=60)


def test_rights(source: str, doctor: Doctor):
    execute(source, "create table user_settings (user_id uuid primary key, api_keys jsonb)")
    assert doctor.finds(source, "superuser")["postgres"]["severity"] == "warning"
    assert doctor.finds(source, "superuser", is_embedded=True)["postgres"]["severity"] == "info"
    with _role(source, "createdb bypassrls") as role:
        execute(source, "grant insert, truncate on campaigns to patient; grant create on schema public to patient")
        found = {(finding["code"], finding["object"]): finding for finding in doctor(role)["findings"]}
        expected = {
            ("role_attribute", "patient"), ("bypassrls_unneeded", "patient"), ("can_write", "campaigns"),
            ("can_read_secrets", "user_settings"), ("can_create_in_source", "public"),
        }  # fmt: skip
        rights = {key for key, finding in found.items() if finding["area"] == "rights"}
        assert rights == expected
        for key in expected - {("can_read_secrets", "user_settings")}:
            execute(source, found[key]["remedy"])
        execute(
            source, "revoke select on user_settings from patient; grant select (user_id) on user_settings to patient"
        )
        assert [f["code"] for f in doctor(role)["findings"] if f["area"] == "rights"] == ["rights"]

        name = environment_of(source)["PGDATABASE"]
        execute(source, f"revoke create on database {name} from patient")
        problem = doctor.finds(role, "cannot_build")["patient"]
        assert problem["severity"] == "error" and "may not create schemas" in problem["message"]


def test_columns_without_row_versions(source: str, doctor: Doctor):
    with _role(source) as role:
        execute(source, "revoke select on businesses from patient")
        columns = "id, campaign_id, business_name, confidence_score, created_at"
        execute(source, f"grant select ({columns}) on businesses to patient")
        (finding,) = doctor.finds(role, "no_row_versions").values()
        execute(source, finding["remedy"])
        assert not doctor.finds(role, "no_row_versions")


def test_row_level_security(source: str, doctor: Doctor):
    execute(source, "alter table campaigns enable row level security; alter table businesses enable row level security")
    execute(source, "create policy of_all on businesses using (business_name = 'mine')")
    with _role(source) as role:
        (hidden,) = doctor.finds(role, "rows_hidden").values()
        assert (hidden["object"], hidden["severity"]) == ("campaigns", "error")
        (may_be,) = doctor.finds(role, "rows_may_be_hidden").values()
        assert may_be["object"] == "businesses"
        for finding in (hidden, may_be):
            execute(source, finding["remedy"])
        codes = {finding["code"] for finding in doctor(role)["findings"]}
        assert not codes & {"rows_hidden", "rows_may_be_hidden", "bypassrls_unneeded"}


CALLS = "id uuid, campaign_id uuid, service text, endpoint text, cost numeric, success boolean, created_at timestamptz"


def test_a_view_that_is_not_populated_is_a_finding(source: str, doctor: Doctor):
    columns = ", ".join(f"null::{kind} as {name}" for name, kind in map(str.split, CALLS.split(", ")))
    execute(
        source,
        f"""
        create materialized view api_usage as select {columns} with no data;
        create view api_usage_log as select id, service as api_service, endpoint, created_at from api_usage;
        create schema analytics;
        create view analytics.api_usage_reconciliation as
        select count(*) as paired_calls, 0 as counted_cost, 0 as double_count_avoided from api_usage;
        """,
    )
    report = doctor(source)
    broken = {finding["object"]: finding for finding in report["findings"] if finding["code"] == "cannot_be_read"}
    assert set(broken) == {"api_usage", "api_usage_log"}
    assert {finding["severity"] for finding in broken.values()} == {"error"}
    assert 'materialized view "api_usage" has not been populated' in broken["api_usage_log"]["message"]
    # all else is looked at, as far as it can be
    skipped = {finding["object"] for finding in report["findings"] if finding["code"] == "not_examined"}
    assert skipped == {"api_usage.created_at", "api_usage_log.created_at", "spend"}
    assert {finding["area"] for finding in report["findings"]} == AREAS
    assert "extensions" in {finding["code"] for finding in report["findings"]}
    execute(source, broken["api_usage"]["remedy"])
    assert not {"cannot_be_read", "not_examined"} & {finding["code"] for finding in doctor(source)["findings"]}


def test_a_foreign_table_whose_server_is_dead_is_a_finding(source: str, doctor: Doctor):
    """By itself, and as a partition of a table that is well otherwise."""
    try:
        execute(source, "create extension postgres_fdw")
    except psycopg2.errors.FeatureNotSupported:
        pytest.skip("this server has no postgres_fdw")
    execute(
        source,
        f"""
        create server dead foreign data wrapper postgres_fdw options (host '127.0.0.1', port '1');
        create user mapping for public server dead options (user 'nobody', password 'fake-secret');
        create table api_usage ({CALLS}) partition by range (created_at);
        create table api_usage_now partition of api_usage for values from ('2026-01-01') to (maxvalue);
        insert into api_usage (created_at) values ('2026-01-02');
        create foreign table api_usage_old partition of api_usage
            for values from (minvalue) to ('2026-01-01') server dead;
        create foreign table lead_emails (id uuid, lead_id uuid, email text, created_at timestamptz) server dead;
        """,
    )
    report = doctor(source)
    broken = {finding["object"]: finding for finding in report["findings"] if finding["code"] == "cannot_be_read"}
    assert set(broken) == {"api_usage_old", "lead_emails"}
    for finding in broken.values():
        assert finding["severity"] == "error"
        assert 'could not connect to server "dead"' in finding["message"] and "refused" in finding["message"]
    assert {finding["area"] for finding in report["findings"]} == AREAS
    assert "fake-secret" not in json.dumps(report)


def test_a_connection_that_is_lost_ends_it(source: str, project: Project):
    with libpq_environment(environment_of(source)), closing(psycopg2.connect(source)) as connection:
        backend = connection.info.backend_pid
        state = project.read_state

        def lose_it(timeout: float) -> dict[str, Any]:
            found = state(timeout)
            execute(source, f"select pg_terminate_backend({backend}, 60000)")
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Project, "read_state", lambda self, timeout: lose_it(timeout))
            with pytest.raises(psycopg2.OperationalError):
                diagnose(connection, project, 300, False)


def test_extensions_are_listed(source: str, doctor: Doctor):
    assert "plpgsql" in doctor.finds(source, "extensions")["extensions"]["message"]


# What it does


def test_it_cannot_write_and_waits_for_nobody(source: str, doctor: Doctor, project: Project):
    with libpq_environment(environment_of(source)), closing(psycopg2.connect(source)) as connection:
        diagnose(connection, project, 5, False)
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction), connection.cursor() as cursor:
            cursor.execute("create table written ()")
    with closing(psycopg2.connect(source)) as holder:
        holder.cursor().execute("lock table campaigns")
        report = doctor(source)
    assert ("not_examined", "campaigns.created_at") in {(f["code"], f["object"]) for f in report["findings"]}
    assert query(
        source, "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
    ) == [(2,)]
    assert query(source, "select to_regnamespace('analytics_staging') is null") == [(True,)]


def test_a_slow_mart_is_given_up(source: str, doctor: Doctor):
    required = "id uuid primary key, endpoint text, created_at timestamptz"
    execute(source, f"create table api_usage ({required}, service text, cost numeric(10, 4), success boolean)")
    execute(source, f"create table api_usage_log ({required}, api_service text)")
    columns = "1 as paired_calls, 1 as counted_cost, 1 as double_count_avoided"
    execute(source, f"create schema analytics; create view analytics.api_usage_reconciliation as select {columns}"
                    " from pg_sleep(60)")  # fmt: skip
    findings = doctor(source, timeout=1)["findings"]
    assert [finding["code"] for finding in findings if finding["area"] == "spend"] == ["not_examined"]
    assert [finding["area"] for finding in findings][-1] == "rights"


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and not k.startswith("PG")}
    program = [str(REPOSITORY / "scripts" / "doctor"), *arguments]
    if environment:
        with suppress(yaml.YAMLError):
            variables = yaml.safe_load(arguments[-1]) if "--vars" in arguments else {}
            spare_parsing(REPOSITORY / "target" / "doctor", environment, **variables)
    return subprocess.run(
        program, env={**kept, **environment}, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )


@ONE_SERVER
def test_exit_codes_and_output(source: str):
    with _role(source) as role:
        execute(source, "insert into campaigns values (gen_random_uuid(), 'it''s', 'active', now())")
        well = _run("--json", **environment_of(role))
        assert well.returncode == 0, well.stdout + well.stderr
        assert well.stderr == ""
        assert json.loads(well.stdout)["counts"]["error"] == 0
        execute(source, "drop index businesses_created_at_idx")
        url = "postgresql://patient:x@{PGHOST}:{PGPORT}/{PGDATABASE}".format(**environment_of(role))
        unwell = _run(DATABASE_URL=url)
        assert unwell.returncode == 1, unwell.stdout
        statement = 'create index concurrently on "public"."businesses" ("created_at");'
        assert f"\n           → {statement}\n" in unwell.stdout
        assert "patient:x" not in unwell.stdout + unwell.stderr
        ill = _run("--json", "--vars", "{source_schema: elsewhere}", **environment_of(role))
        assert ill.returncode == 2, ill.stdout
        assert json.loads(ill.stdout)["database"]["schema"] == "elsewhere"
        zone = _run("--json", "--vars", "{reporting_timezone: Mars/Olympus}", **environment_of(role))
        assert zone.returncode == 2
        assert "bad_variable" in {finding["code"] for finding in json.loads(zone.stdout)["findings"]}


@ONE_SERVER
def test_it_could_not_look(source: str):
    gone = _run("--json", **{**environment_of(source), "PGPORT": "1"})
    assert gone.returncode == 3
    assert json.loads(gone.stdout)["error"] in gone.stderr
    assert "No database server answers" in gone.stderr
    assert _run("--nonsense").returncode == 3
    assert _run("--timeout", "0").returncode == 3
    explained = _run("--help")
    assert explained.returncode == 0 and "Exit code" in explained.stdout
    assert _run("--vars", "{source_schema: ", **environment_of(source)).returncode == 3


@ONE_SERVER
def test_the_commands_of_the_docs(server: Server, empty_database: str):
    """All of them, in their order, on the sample, and then without the leads that stop the migration there."""
    from generate_sample_data import generate

    page = (REPOSITORY / "docs" / "trouble.md").read_text()
    section = page.partition("\n## Doctor\n")[2].partition("\n## When something fails\n")[0]
    blocks = re.findall(r"^```bash\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    commands = [line.partition("#")[0].strip() for line in "".join(blocks).splitlines()]
    assert len(commands) == 4
    generate(empty_database, "hybrid", api_calls=1_000)
    for target_path in (REPOSITORY / "target", REPOSITORY / "target" / "doctor"):
        spare_parsing(target_path, environment_of(empty_database))

    def run(command: str) -> subprocess.CompletedProcess:
        kept = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and not k.startswith("PG")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**kept, **environment_of(empty_database), "PATH": path}
        return subprocess.run(
            ["bash", "-c", command],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )

    examined = run(commands[0])
    assert examined.returncode == 1, examined.stderr
    quoted = re.search(r"```text\nForeign keys\n(.*?)Spend", section, flags=re.DOTALL)[1]
    assert quoted in examined.stdout
    planned, stopped, _ = map(run, commands[1:])
    assert planned.returncode == 0 and "leads that enhanced_leads has and businesses lacks" in planned.stdout
    assert stopped.returncode == 1 and "keep_enhanced" in stopped.stdout
    for table in ("lead_emails", "lead_social_profiles"):
        execute(
            empty_database,
            f"delete from {table} where lead_id in (select id from enhanced_leads except select id from businesses)",
        )
    planned, applied, reverted = map(run, commands[1:])
    assert "Nothing has been changed" in planned.stdout
    for done in (applied, reverted):
        assert done.returncode == 0 and "Done, in one transaction." in done.stdout, done.stdout
