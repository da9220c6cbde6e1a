"""Pointing the foreign keys of e-mails and profiles at businesses: what it does, refuses, survives, and takes back."""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from clones import PATIENCE_SECONDS
from conftest import (
    MARTS,
    NO_TESTS,
    ONE_SERVER,
    assert_equal_marts,
    at_one_moment,
    build,
    copy_of,
    environment_of,
    execute,
    parsed_before,
    query,
    run_dbt,
)
from dbt.contracts.graph.manifest import Manifest
from embedded_postgres import Server
from generate_sample_data import generate
from psycopg2.extensions import connection as Connection

LEAD, ENHANCED_LEAD, NO_LEAD = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
EMAIL, ORPHAN, NAMELESS = (f"00000000-0000-4000-9000-00000000000{n}" for n in (1, 2, 3))
WRONG = "foreign key (lead_id) references enhanced_leads (id) on delete cascade"
SOURCE = f"""
create table campaigns (id uuid primary key, name text, status text, created_at timestamptz);
create table businesses (
    id uuid primary key, campaign_id uuid, business_name text, confidence_score int, created_at timestamptz
);
create table enhanced_leads (like businesses including all);
create table lead_emails (
    id uuid primary key, lead_id uuid, email text, verification_score numeric(8, 4),
    created_at timestamptz default now(), unique (lead_id, email)
);
create table lead_social_profiles (id uuid primary key, lead_id uuid, platform text);
insert into businesses (id) values ('{LEAD}');
insert into enhanced_leads (id) values ('{ENHANCED_LEAD}');
insert into lead_emails values
    ('{EMAIL}', '{LEAD}', 'a@lead.example', 1.50, '2025-01-01'),
    ('{ORPHAN}', '{NO_LEAD}', 'b@lead.example', 'NaN', 'infinity'),
    ('{NAMELESS}', null, 'c@lead.example', null, null);
insert into lead_social_profiles values (gen_random_uuid(), '{LEAD}', 'linkedin');
alter table lead_emails add constraint points_wrongly {WRONG} not valid;
alter table lead_social_profiles add constraint profiles_point_wrongly {WRONG} not valid;
comment on constraint points_wrongly on lead_emails is 'it''s wrong';
"""
RIGHT = "FOREIGN KEY (lead_id) REFERENCES businesses(id) ON DELETE CASCADE"
CONSTRAINTS = """
select conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated, obj_description(oid, 'pg_constraint')
from pg_constraint
where conrelid in ('lead_emails'::regclass, 'lead_social_profiles'::regclass)
order by 1, 2
"""
TRIGGERS = "select tgname, tgenabled from pg_trigger where not tgisinternal order by 1"
ROWS = [f"select row_of::text from {table} as row_of order by 1" for table in ("lead_emails", "lead_social_profiles")]
IN_QUARANTINE = "select row_of::text from analytics_quarantine.lead_emails as row_of"


@pytest.fixture(scope="module")
def target_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("target_migration")


@pytest.fixture(scope="module")
def manifest(server: Server) -> Manifest:
    """The project, parsed before a process that is to be killed begins, and read for all databases alike."""
    options = ["--vars", json.dumps({"source_schema": "public"})]
    return parsed_before(["run-operation", *options], server.environment("postgres"))


@pytest.fixture
def source(empty_database: str) -> str:
    """A hybrid source with an e-mail of a lead, one of no lead, and one that names none."""
    execute(empty_database, SOURCE)
    return empty_database


class Migration:
    """`dbt run-operation migrate_source` on a database; what it printed is in `output`."""

    def __init__(self, manifest: Manifest, target_path: Path, capfd: pytest.CaptureFixture):
        self.manifest = manifest
        self.target_path = target_path
        self.capfd = capfd
        self.output = ""

    def __call__(self, dsn: str, source_schema: str = "public", **arguments: Any) -> bool:
        self.capfd.readouterr()
        options = ["--vars", json.dumps({"source_schema": source_schema}), "--target-path", str(self.target_path)]
        command = ["run-operation", "migrate_source", "--args", json.dumps(arguments), *options]
        manifest = self.manifest if source_schema == "public" else None
        success = run_dbt(command, environment_of(dsn), manifest=manifest).success
        self.output = self.capfd.readouterr().out
        return success


@pytest.fixture
def migrate(manifest: Manifest, target_path: Path, capfd: pytest.CaptureFixture) -> Migration:
    return Migration(manifest, target_path, capfd)


def _state(dsn: str) -> list[Any]:
    """Everything that a migration could change."""
    schemas = "select nspname::text from pg_namespace where nspname not like 'pg\\_t%' order by 1"
    return [query(dsn, statement) for statement in (CONSTRAINTS, TRIGGERS, *ROWS, schemas)]


def _of_application(dsn: str) -> list[Any]:
    """The same without the migration's own schema."""
    return _state(dsn)[:-1]


def _foreign_keys(dsn: str) -> list[tuple]:
    return [row[1:4] for row in query(dsn, CONSTRAINTS) if row[2].startswith("FOREIGN KEY")]


def test_a_plan_changes_nothing(source: str, migrate: Migration):
    before = _state(source)
    assert migrate(source)
    assert _state(source) == before
    assert "1 name no lead" in migrate.output
    assert "Nothing has been changed. To carry it out" in migrate.output


def test_up_again_down_and_up(source: str, migrate: Migration):
    before = _of_application(source)
    ((started,),) = query(source, "select now()::text")
    assert migrate(source, apply=True), migrate.output
    right = [("points_wrongly", RIGHT, True), ("profiles_point_wrongly", RIGHT, True)]
    assert _foreign_keys(source) == right
    assert query(source, "select id::text from lead_emails order by 1") == [(EMAIL,), (NAMELESS,)]
    moved = "id::text, lead_id::text, email, verification_score::text, created_at::text"
    why = f"quarantine_constraint, quarantine_reason, quarantined_at between '{started}' and now()"
    assert query(source, f"select {moved}, {why} from analytics_quarantine.lead_emails") == [
        (ORPHAN, NO_LEAD, "b@lead.example", "NaN", "infinity", "points_wrongly", "lead_id names no lead", True)
    ]

    after = _state(source)
    assert migrate(source, apply=True)
    assert "Nothing to do" in migrate.output
    assert _state(source) == after

    assert migrate(source, down=True)
    assert _state(source) == after
    assert migrate(source, down=True, apply=True), migrate.output
    assert _of_application(source) == before
    assert query(source, "select count(*) from analytics_quarantine.lead_emails") == [(0,)]
    assert migrate(source, down=True, apply=True)
    assert "Nothing to do" in migrate.output
    assert _of_application(source) == before

    assert migrate(source, apply=True), migrate.output
    assert _foreign_keys(source) == right
    assert query(source, "select quarantine_migration_id > 2 from analytics_quarantine.lead_emails") == [(True,)]


def test_the_application_works_on(source: str, migrate: Migration):
    new_email = f"insert into lead_emails values (gen_random_uuid(), '{LEAD}', 'new@lead.example')"
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        execute(source, new_email)
    assert migrate(source, apply=True), migrate.output
    execute(source, new_email)
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        execute(source, new_email.replace(LEAD, NO_LEAD))
    execute(source, "delete from businesses")
    assert query(source, "select id::text from lead_emails") == [(NAMELESS,)]


def test_triggers_generated_columns_and_odd_names(empty_database: str, migrate: Migration):
    """A row comes back as it went, past triggers that would write it, and whatever its columns are called."""
    dsn, schema = empty_database, '"Lead ""app"" %s"'
    execute(dsn, f"create schema {schema}; set search_path = {schema}; {SOURCE}")
    execute(
        dsn,
        """
        set search_path = "Lead ""app"" %s";
        alter table lead_emails
            add column "a ""b'%" text default 'x', add column number bigint generated always as identity,
            add column twice numeric generated always as (verification_score * 2) stored, drop column email;
        alter table lead_emails rename constraint points_wrongly to "Fk ""odd"" % 'name'";
        create function stamp() returns trigger language plpgsql as $$
            begin
                if tg_op = 'DELETE' then raise 'a trigger of the application has run'; end if;
                new.created_at = now();
                return new;
            end
        $$;
        create trigger "on Insert" before insert or delete on lead_emails for each row execute function stamp();
        create trigger always before insert or delete on lead_emails for each row execute function stamp();
        alter table lead_emails enable always trigger always;
        create trigger off before insert on lead_emails for each row execute function stamp();
        alter table lead_emails disable trigger off;
        """,
    )
    escaped = schema.replace(" ", "\\ ")
    in_schema = psycopg2.extensions.make_dsn(dsn, options=f"-csearch_path={escaped}")
    before = _of_application(in_schema)
    assert migrate(dsn, 'Lead "app" %s', apply=True), migrate.output
    assert [definition for _, definition, _ in _foreign_keys(in_schema)] == [RIGHT, RIGHT]
    assert query(in_schema, TRIGGERS) == before[1]
    assert query(dsn, 'select "a ""b\'%", twice::text from analytics_quarantine.lead_emails') == [("x", "NaN")]
    assert migrate(dsn, 'Lead "app" %s', down=True, apply=True), migrate.output
    assert _of_application(in_schema) == before


def test_a_column_that_the_application_adds_later(source: str, migrate: Migration):
    assert migrate(source, apply=True)
    execute(source, "alter table lead_emails add column later text default 'new'")
    assert migrate(source, down=True, apply=True), migrate.output
    assert query(source, f"select later from lead_emails where id = '{ORPHAN}'") == [("new",)]
    execute(source, "update lead_emails set later = 'kept'")
    before = _of_application(source)
    assert migrate(source, apply=True), migrate.output
    assert query(source, "select later from analytics_quarantine.lead_emails") == [("kept",)]
    assert migrate(source, down=True, apply=True), migrate.output
    assert _of_application(source) == before


def test_nobody_else_looks_into_the_quarantine(source: str, migrate: Migration):
    execute(source, "create role onlooker; alter default privileges grant select on tables to onlooker")
    try:
        assert migrate(source, apply=True)
        execute(source, "grant usage on schema analytics_quarantine to onlooker")
        with closing(psycopg2.connect(source)) as connection, connection.cursor() as cursor:
            cursor.execute("set role onlooker; select count(*) from analytics_quarantine.lead_emails")
            assert cursor.fetchone() == (0,)
    finally:
        execute(source, "drop owned by onlooker; drop role onlooker")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("drop table businesses", "There is no table businesses"),
        (
            "alter table businesses alter id type text",
            "lead_emails.lead_id is uuid and businesses.id is text: they must be of one type",
        ),
        ("alter table businesses drop constraint businesses_pkey", "businesses.id is not unique"),
        (
            f"insert into lead_emails values (gen_random_uuid(), '{ENHANCED_LEAD}', 'd@lead.example')",
            "lead_emails: 1 rows name leads that enhanced_leads has and businesses lacks",
        ),
        (
            "create table opened (email_id uuid references lead_emails on delete cascade);"
            f"insert into opened values ('{ORPHAN}')",
            "1 rows of public.opened name rows of lead_emails that would have to make way",
        ),
        ("create table more () inherits (lead_emails)", "lead_emails is no ordinary table"),
        ("alter table lead_emails disable trigger all", "points_wrongly of lead_emails is not enforced"),
        (
            "create rule nothing as on delete to lead_emails do instead nothing",
            "lead_emails has rules, which would rewrite",
        ),
    ],
)
def test_what_it_does_not_touch(source: str, migrate: Migration, change: str, words: str):
    execute(source, change)
    before = query(source, CONSTRAINTS)
    assert migrate(source)
    assert words in migrate.output
    assert not migrate(source, apply=True)
    assert words in migrate.output
    assert query(source, CONSTRAINTS) == before
    assert query(source, "select to_regnamespace('analytics_quarantine')") == [(None,)]


def test_somebody_else_owns_the_tables(source: str, migrate: Migration):
    name = environment_of(source)["PGDATABASE"]
    execute(source, f"create role reads login password 'x'; grant create on database {name} to reads")
    try:
        execute(source, "grant select on all tables in schema public to reads")
        role = psycopg2.extensions.make_dsn(source, user="reads", password="x")
        assert not migrate(role, apply=True)
        assert "lead_emails belongs to postgres: run this as that role, not as reads" in migrate.output
        execute(source, "alter table lead_emails enable row level security")
        assert not migrate(role, apply=True)
        assert "lead_emails belongs to postgres" in migrate.output
    finally:
        execute(source, "drop owned by reads; drop role reads")


def test_leads_of_both_tables(source: str, migrate: Migration):
    """What names a lead that only enhanced_leads has stays, and is not held against anybody."""
    execute(source, f"insert into lead_emails values (gen_random_uuid(), '{ENHANCED_LEAD}', 'd@lead.example')")
    before = _of_application(source)
    assert migrate(source, apply=True, keep_enhanced=True), migrate.output
    assert _foreign_keys(source) == [
        ("points_wrongly", f"{RIGHT} NOT VALID", False),
        ("profiles_point_wrongly", RIGHT, True),
    ]
    assert query(source, "select count(*) from lead_emails where lead_id is not null") == [(2,)]
    assert migrate(source, apply=True)
    assert "Nothing to do" in migrate.output
    # Once their leads are copied, the rest is done.
    execute(source, "insert into businesses table enhanced_leads")
    assert migrate(source, apply=True), migrate.output
    assert [is_validated for _, _, is_validated in _foreign_keys(source)] == [True, True]
    assert migrate(source, down=True, apply=True), migrate.output
    assert migrate(source, down=True, apply=True), migrate.output
    assert _of_application(source) == before


def test_no_foreign_key_at_all(source: str, migrate: Migration):
    execute(source, "alter table lead_emails drop constraint points_wrongly; drop table lead_social_profiles")
    assert migrate(source, apply=True), migrate.output
    found = "select conname, pg_get_constraintdef(oid) from pg_constraint where contype = 'f'"
    assert query(source, found) == [("lead_emails_lead_id_fkey", RIGHT)]
    assert migrate(source, down=True, apply=True), migrate.output
    assert query(source, found) == []
    assert query(source, "select count(*) from lead_emails") == [(3,)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        # the same address of the same lead, written after it had been moved
        (
            "alter table lead_emails drop constraint points_wrongly;"
            f"insert into lead_emails values (gen_random_uuid(), '{NO_LEAD}', 'b@lead.example')",
            "points_wrongly of lead_emails is no longer as the migration made it",
        ),
        (
            f"insert into lead_emails values ('{ORPHAN}', '{LEAD}', 'new@lead.example')",
            "Not all of 1 rows can come back to lead_emails: newer rows there are in the way. Nothing was changed,"
            ' and the rows are in "analytics_quarantine"."lead_emails". Rule: lead_emails_pkey.',
        ),
        (
            "alter table lead_emails add check (email <> 'b@lead.example')",
            "Rule: lead_emails_email_check.",
        ),
        ("drop table enhanced_leads cascade", "public.enhanced_leads, which points_wrongly pointed at, is gone"),
        ("alter table lead_emails drop column email", "lead_emails has no longer a column email of type text"),
    ],
)
def test_down_when_the_source_has_moved_on(source: str, migrate: Migration, change: str, words: str):
    assert migrate(source, apply=True)
    execute(source, change)
    before = _state(source), query(source, IN_QUARANTINE)
    assert not migrate(source, down=True, apply=True)
    assert words in migrate.output
    assert "b@lead.example" not in migrate.output
    assert (_state(source), query(source, IN_QUARANTINE)) == before


def test_down_where_the_old_foreign_key_held_and_no_longer_does(empty_database: str, migrate: Migration):
    execute(empty_database, SOURCE.replace(" not valid", "").replace(NO_LEAD, LEAD).replace(ENHANCED_LEAD, LEAD))
    before = _of_application(empty_database)
    assert migrate(empty_database, apply=True), migrate.output
    assert migrate(empty_database, down=True, apply=True), migrate.output
    assert _of_application(empty_database) == before
    assert migrate(empty_database, apply=True), migrate.output
    execute(empty_database, f"insert into businesses (id) values ('{NO_LEAD}')")
    execute(empty_database, f"insert into lead_emails values (gen_random_uuid(), '{NO_LEAD}', 'new@lead.example')")
    after = _state(empty_database)
    assert not migrate(empty_database, down=True, apply=True)
    assert "Rows that lead_emails has got since name leads that public.enhanced_leads lacks" in migrate.output
    assert _state(empty_database) == after


@contextmanager
def _held(dsn: str, statement: str) -> Iterator[Connection]:
    """A transaction of the application's that has done this and is not ended."""
    with closing(psycopg2.connect(dsn, application_name="the application")) as connection:
        connection.cursor().execute(statement)
        yield connection


@ONE_SERVER
@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("update lead_emails set email = 'x'", "lead_emails"),
        ("select count(*) from enhanced_leads", "enhanced_leads"),
    ],
    ids=["a writer, at the start", "a reader, at the end"],
)
def test_the_application_holds_a_lock(source: str, migrate: Migration, statement: str, table: str):
    before = _state(source)
    with _held(source, statement) as connection:
        assert not migrate(source, apply=True, lock_timeout_seconds=1.5)
        pid = connection.info.backend_pid
    assert f"Nothing was changed: public.{table} stayed in use for 1.5 s, by process {pid} (the application," in (
        " ".join(migrate.output.split())
    )
    assert _state(source) == before
    assert migrate(source, apply=True), migrate.output


@ONE_SERVER
def test_readers_read_until_the_end(source: str, migrate: Migration, manifest: Manifest, target_path: Path):
    """Up to the last step, which waits for a reader, others read the tables, and writers wait."""
    with (
        _held(source, "select count(*) from enhanced_leads") as connection,
        _started(source, manifest, target_path) as process,
    ):
        _wait_for_lock(source)
        execute(source, "set lock_timeout = '5s'; select count(*) from lead_emails, businesses, enhanced_leads")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            execute(source, "set lock_timeout = '50ms'; update businesses set business_name = 'x'")
        connection.rollback()
        assert _exit_code(process) == 0
    assert migrate(source, apply=True)
    assert "Nothing to do" in migrate.output


@ONE_SERVER
@pytest.mark.parametrize("killed", ["backend", "client"])
def test_killed_in_the_middle(source: str, migrate: Migration, manifest: Manifest, target_path: Path, killed: str):
    before = _state(source)
    with _held(source, "select count(*) from enhanced_leads"), _started(source, manifest, target_path) as process:
        pid = _wait_for_lock(source)
        if killed == "backend":
            execute(source, f"select pg_terminate_backend({pid})")
        else:
            process.kill()
        assert _exit_code(process) != 0
        _wait(lambda: query(source, f"select count(*) from pg_stat_activity where pid = {pid}") == [(0,)])
    assert _state(source) == before
    assert migrate(source, apply=True), migrate.output


@ONE_SERVER
def test_two_at_once(source: str, manifest: Manifest, target_path: Path, capfd: pytest.CaptureFixture):
    with (
        _held(source, "select count(*) from enhanced_leads") as connection,
        _started(source, manifest, target_path) as first,
    ):
        _wait_for_lock(source)
        with _started(source, manifest, target_path) as second:
            waiting = "select count(*) from pg_stat_activity where query like '%in share row exclusive mode%'"
            _wait(lambda: query(source, waiting + " and wait_event is not null and pid <> pg_backend_pid()") == [(1,)])
            connection.rollback()
            assert [_exit_code(first), _exit_code(second)] == [0, 0]
    assert capfd.readouterr().out.count("Nothing to do") == 1
    assert query(source, "select count(*) from analytics_quarantine.migrations") == [(2,)]


@contextmanager
def _started(dsn: str, manifest: Manifest, target_path: Path) -> Iterator[BaseProcess]:
    """A migration in a process of its own, at work."""

    def run() -> None:
        command = ["run-operation", "migrate_source", "--args", "{apply: true, lock_timeout_seconds: 3600}"]
        options = ["--vars", json.dumps({"source_schema": "public"}), "--target-path", str(target_path)]
        sys.exit(0 if run_dbt([*command, *options], environment_of(dsn), manifest=manifest).success else 1)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _exit_code(process: BaseProcess) -> int | None:
    process.join(PATIENCE_SECONDS)
    return process.exitcode


def _wait_for_lock(dsn: str) -> int:
    """Wait until the migration has done all but its last step; its process on the server."""
    waiting = """
        select activity.pid
        from pg_stat_activity as activity inner join pg_locks as held on activity.pid = held.pid
        where held.relation = 'lead_emails'::regclass and held.mode = 'AccessExclusiveLock'
            and activity.application_name = 'leadgen_analytics'
            and exists (
                select from pg_locks as more
                where more.pid = held.pid and more.relation = 'enhanced_leads'::regclass and not more.granted
            )
    """
    return _wait(lambda: query(dsn, waiting))[0][0]


def _wait(condition: Any, seconds: float = PATIENCE_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
    return found


ONLY_IN_ENHANCED = """
delete from {table} where lead_id in (select id from enhanced_leads except select id from businesses)
"""
CASES = {
    "current": ("current", "", False),
    "hybrid, all leads in businesses": ("hybrid", ONLY_IN_ENHANCED, False),
    "hybrid, leads in both": ("hybrid", "", True),
}


@ONE_SERVER  # the models are compared on both elsewhere; what the migration does, above
@pytest.mark.parametrize("case", CASES)
def test_the_marts_show_the_same(server: Server, empty_database: str, migrate: Migration, target_path: Path, case: str):
    shape, change, keep_enhanced = CASES[case]
    dsn = empty_database
    generate(dsn, shape, api_calls=2_000, until=datetime.now(timezone.utc) - timedelta(days=2))
    for table in ("lead_emails", "lead_social_profiles") if change else ():
        execute(dsn, change.format(table=table))
    build(dsn, target_path, *NO_TESTS)
    application = _of_application(dsn)

    with copy_of(server, environment_of(dsn)["PGDATABASE"]) as before:
        assert migrate(dsn, apply=True, keep_enhanced=keep_enhanced), migrate.output
        # what is listed of rows that have gone is listed until the next run
        at_one_moment(lambda: _assert_nothing_but_cured(dsn, before, set(MARTS) - {"data_quality_issues"}))
        build(dsn, target_path)
        at_one_moment(lambda: _assert_nothing_but_cured(dsn, before, set(MARTS)))

        assert migrate(dsn, down=True, apply=True), migrate.output
        assert _of_application(dsn) == application
        build(dsn, target_path, *NO_TESTS)
        assert_equal_marts(dsn, before)


def _assert_nothing_but_cured(dsn: str, before: str, marts: set[str]) -> None:
    """These marts are as they were, but that no defect of the rows in quarantine is listed any more."""
    moved = query(dsn, "select 'lead_emails', id::text from analytics_quarantine.lead_emails")
    moved += query(dsn, "select 'lead_social_profiles', id::text from analytics_quarantine.lead_social_profiles")
    expected = _marts(before)
    issues = expected["data_quality_issues"]
    cured = [row for row in issues if (row["source_table"], row["record_id"]) in moved]
    assert {"orphan_lead_email", "orphan_social_profile"} <= {row["issue_type"] for row in cured}
    assert len({row["record_id"] for row in cured}) == len(moved)
    expected["data_quality_issues"] = [row for row in issues if row not in cured]
    for mart, rows in _marts(dsn).items():
        assert rows == expected[mart] or mart not in marts, mart


def _marts(dsn: str) -> dict[str, list[dict]]:
    """All rows of every mart, without the time of the query."""
    rows = "select to_jsonb(mart) - 'recorded_at' from analytics.{} as mart order by to_jsonb(mart)::text"
    return {mart: [row for (row,) in query(dsn, rows.format(mart))] for mart in MARTS}
