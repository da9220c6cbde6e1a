"""Every remedy that the doctor prints, carried out where marts are built: it does no harm, and it helps."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from conftest import REPOSITORY, build, environment_of, execute, mart_rows, parsed_before, query
from diagnosis.finding import SECTIONS, see
from diagnosis.project import declared_tables
from embedded_postgres import Server
from test_doctor import Doctor, Project

CAMPAIGN, LEAD, TWIN = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
KEY = "id uuid primary key default gen_random_uuid()"
SOURCE = f"""
create table campaigns ({KEY}, user_id uuid, name text, status text, created_at timestamptz);
create table businesses (
    {KEY}, campaign_id uuid references campaigns, business_name text, confidence_score int, discovery_cost text,
    created_at timestamptz, updated_at timestamp default '2026-01-05 11:00', unique (id, campaign_id)
);
create table enhanced_leads (
    {KEY}, campaign_id uuid references campaigns, business_name text, confidence_score int, created_at timestamptz
);
create table api_usage (
    {KEY}, campaign_id uuid, business_id uuid constraint calls_of references enhanced_leads on delete set null,
    service text, endpoint text, cost numeric(12, 6) check (cost >= 0), success boolean, created_at timestamptz
);
create schema private;
create table private.log (
    {KEY}, campaign_id uuid, api_service text, endpoint text, request_cost numeric(8, 4), created_at timestamp
);
create view api_usage_log as select * from private.log;
create table api_cost_tracking (
    {KEY[:7]}, campaign_id uuid, business_id uuid constraint sums_of references enhanced_leads on delete cascade,
    api_service text, endpoint text, request_count int, total_cost numeric, date date, hour int, created_at timestamptz
) partition by range (date);
create table api_cost_tracking_2026 partition of api_cost_tracking for values from ('2026-01-01') to ('2027-01-01');
create table lead_emails ({KEY}, lead_id uuid, email text, created_at timestamptz);
create table lead_social_profiles ({KEY}, lead_id uuid, platform text, created_at timestamptz);
create table user_settings (user_id uuid primary key, daily_budget_limit numeric, api_keys jsonb);
create table exports (like campaigns);
create materialized view export_history as select id, user_id, created_at, 'csv' as format from exports;

insert into campaigns (id, name, status, created_at) values ('{CAMPAIGN}', 'a', 'active', '2026-01-05 10:00+00');
insert into businesses (id, campaign_id, business_name, confidence_score, discovery_cost, created_at)
values ('{LEAD}', '{CAMPAIGN}', 'b', 90, '0.123456', '2026-01-05 11:00+00'),
    ('{TWIN}', '{CAMPAIGN}', 'c', 90, 'n/a', '2026-01-05 11:00+00');
insert into enhanced_leads select id, campaign_id, business_name, confidence_score, created_at from businesses;
insert into api_usage (campaign_id, business_id, service, endpoint, cost, success, created_at)
select '{CAMPAIGN}', '{LEAD}', 'hunter_io', 'domain_search', 0.123456, true,
    '2026-01-05 11:00+00'::timestamptz + n * interval '37 min'
from generate_series(1, 20) as n;
insert into private.log (campaign_id, api_service, endpoint, request_cost, created_at)
select campaign_id, service, endpoint, 0.1234, (created_at + interval '1 second') at time zone 'Asia/Kolkata'
from api_usage;
insert into lead_emails (lead_id, email) values (gen_random_uuid(), 'nobody@lead.example');
insert into lead_social_profiles (lead_id, platform) values ('{LEAD}', 'linkedin');
create function nothing() returns trigger language plpgsql as 'begin return new; end';
create trigger switched_off_on_purpose before insert on enhanced_leads for each row execute function nothing();
alter table enhanced_leads disable trigger switched_off_on_purpose;
alter table lead_emails add constraint emails_of foreign key (lead_id) references businesses not valid;
alter table lead_social_profiles add constraint profiles_of foreign key (lead_id) references businesses not valid;
"""
# What comes after the build: of no use to it, or in its way.
AFTERWARDS = """
alter table lead_social_profiles disable trigger all;
refresh materialized view export_history with no data;
alter table campaigns enable row level security;
alter table businesses enable row level security;
create policy patient on businesses for select using (business_name = 'b');
revoke usage on schema public from public;
grant insert on campaigns, api_usage_log to patient;
grant create on schema public to patient;
grant select on user_settings to patient;
"""
CONSTRAINTS = """
select conrelid::regclass::text, conname, contype::text, convalidated from pg_constraint
where connamespace in ('public'::regnamespace, 'private'::regnamespace) and contype in ('c', 'f', 'p', 'u')
"""
SWITCHED_OFF = "select tgname, tgenabled::text from pg_trigger where not tgisinternal"
VIEWS = "select oid::regclass::text, relkind from pg_class where relkind in ('v', 'm') and relnamespace > 16000"
STORED = (
    "campaigns",
    "businesses",
    "enhanced_leads",
    "api_usage",
    "private.log",
    "lead_emails",
    "lead_social_profiles",
)


@pytest.fixture(scope="module")
def doctor(server: Server) -> Doctor:
    manifest = parsed_before(["run-operation"], server.environment("postgres"))
    return Doctor(Project(declared_tables(manifest), manifest, "{}"))


def _state(dsn: str) -> list:
    stored = {table: sorted(query(dsn, f"select t::text from {table} as t")) for table in STORED}
    return [stored, sorted(query(dsn, VIEWS)), query(dsn, SWITCHED_OFF), mart_rows(dsn)]


def test_every_statement_works_where_marts_are_built_and_does_no_harm(
    empty_database: str, doctor: Doctor, tmp_path: Path
):
    dsn, name = empty_database, environment_of(empty_database)["PGDATABASE"]
    execute(dsn, SOURCE)
    build(dsn, tmp_path)
    before = _state(dsn)
    execute(dsn, f"create role patient login password 'x' createdb; grant create on database {name} to patient")
    try:
        execute(dsn, AFTERWARDS)
        role = psycopg2.extensions.make_dsn(dsn, user="patient", password="x")
        of_owner, of_role = doctor(dsn)["findings"], doctor(role)["findings"]
        checked = dict((row[:3], row[3]) for row in query(dsn, CONSTRAINTS))
        codes = set()
        for finding in of_owner + of_role:
            if (finding["remedy"] or "").endswith(";"):
                codes.add(finding["code"])
                with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
                    connection.autocommit = True
                    for statement in re.findall("[^;]+;", finding["remedy"]):
                        cursor.execute(statement)
        assert codes == {
            "missing_index", "foreign_key_wrong", "foreign_key_not_validated", "foreign_key_off", "cannot_be_read",
            "not_readable", "rows_hidden", "rows_may_be_hidden", "role_attribute", "can_write", "can_create_in_source",
        }  # fmt: skip
        assert _state(dsn) == before
        after = dict((row[:3], row[3]) for row in query(dsn, CONSTRAINTS))
        assert after.keys() == checked.keys()
        assert all(after[key] >= is_valid for key, is_valid in checked.items())

        left = {(finding["code"], finding["object"]) for finding in doctor(dsn)["findings"]}
        left |= {(finding["code"], finding["object"]) for finding in doctor(role)["findings"]}
        helped = {code for code, _ in left} & codes
        # the e-mail of nobody is in the way of its foreign key, and what is now read may be hidden
        assert helped == {"foreign_key_not_validated"}, left
        assert ("foreign_key_not_validated", "lead_emails.emails_of") in left
        for code in ("mistyped_column", "time_without_zone", "index_not_looked_at", "can_read_secrets"):
            assert code in {code for code, _ in left}
    finally:
        execute(dsn, "drop owned by patient cascade; drop role patient")


def test_a_zone_is_named_that_fits_the_data(empty_database: str, doctor: Doctor):
    execute(empty_database, SOURCE)
    found = doctor.finds(empty_database, "time_without_zone")
    log, leads = found["api_usage_log.created_at"], found["businesses.updated_at"]
    assert "100% of the newest times fit interval '330 minutes'" in log["message"]
    assert "at time zone interval '330 minutes'" in log["remedy"] and log["severity"] == "warning"
    assert "fit UTC" in leads["message"] and leads["severity"] == "info"

    name = environment_of(empty_database)["PGDATABASE"]
    execute(empty_database, f"alter database {name} set timezone = 'Asia/Kolkata'")
    log = doctor.finds(empty_database, "time_without_zone")["api_usage_log.created_at"]
    assert "at time zone 'Asia/Kolkata'" in log["remedy"]
    # as the doctor says it: with that, the logs pair
    zone = re.search(r"at time zone (.*): ", log["remedy"])[1]
    same = f"a.created_at + interval '1 s' = b.created_at at time zone {zone}"
    assert query(empty_database, f"select count(*) from api_usage as a join private.log as b on {same}") == [(20,)]
    execute(empty_database, "delete from api_usage")
    log = doctor.finds(empty_database, "time_without_zone")["api_usage_log.created_at"]
    assert "nothing in the data says which zone" in log["message"] and "at time zone" not in log["remedy"]


def test_a_foreign_key_is_pointed_elsewhere_only_where_all_rows_can_follow(empty_database: str, doctor: Doctor):
    execute(empty_database, SOURCE)
    lead = "insert into enhanced_leads (id) values ('00000000-0000-4000-8000-000000000009');"
    execute(empty_database, lead + "update api_usage set business_id = '00000000-0000-4000-8000-000000000009'")
    found = doctor.finds(empty_database, "foreign_key_wrong")
    assert not found["api_usage.calls_of"]["remedy"].endswith(";")
    assert "20 rows of api_usage" in found["api_usage.calls_of"]["remedy"]
    execute(empty_database, "alter table businesses drop constraint businesses_pkey cascade")
    found = doctor.finds(empty_database, "foreign_key_wrong")
    assert "id is unique there" in found["api_cost_tracking.sums_of"]["remedy"]


def test_it_says_that_all_is_well_only_where_it_looked(empty_database: str, doctor: Doctor):
    execute(empty_database, SOURCE)
    execute(empty_database, "drop table lead_emails, lead_social_profiles")
    for finding in doctor(empty_database)["findings"]:
        if finding["code"] == "missing_index":
            execute(empty_database, finding["remedy"].replace(" concurrently", ""))
    assert not doctor.finds(empty_database, "indexes")
    assert "api_usage_log.created_at" in doctor.finds(empty_database, "index_not_looked_at")
    execute(
        empty_database,
        "alter table businesses drop constraint businesses_campaign_id_fkey;"
        "alter table enhanced_leads drop constraint enhanced_leads_campaign_id_fkey;"
        "alter table api_usage drop constraint calls_of; alter table api_cost_tracking drop constraint sums_of",
    )
    assert doctor.finds(empty_database, "foreign_keys")["public"]["message"].startswith("there are none")


def test_what_a_remedy_cites_is_there():
    for subject, (file, heading) in SECTIONS.items():
        assert re.search(f"^#+ {re.escape(heading)}$", (REPOSITORY / file).read_text(), re.MULTILINE), subject
        assert see(subject) == f'{file}, "{heading}"'
    for path in (REPOSITORY / "scripts" / "diagnosis").glob("*.py"):
        cited = re.findall(r'\.md, "', path.read_text())
        assert not cited, f"{path.name} cites by itself"
