"""A secret of the source, or the database's password, is searched for in all that runs leave behind."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2
import pytest
import yaml
from clones import PATIENCE_SECONDS
from conftest import REPOSITORY, environment_of, execute, new_database, query, spare_parsing
from embedded_postgres import Server
from generate_sample_data import generate
from psycopg2 import sql

# What is written does not depend on the server's version.
pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

# In the columns that must not be read, and, as people do, in those that are.
IN_SOURCE = "canary-of-the-source"
PLANTED = f"""
    update user_settings set api_keys = '{{"hunter": "{IN_SOURCE}"}}';
    update export_history set download_url = 'https://x.example/?token={IN_SOURCE}';
    update dashboard_exports set download_url = 'https://x.example/?token={IN_SOURCE}';
    update api_usage set response_data = '{{"key": "{IN_SOURCE}"}}', request_params = '{{"key": "{IN_SOURCE}"}}',
        error_message = 'refused: api_key={IN_SOURCE}', endpoint = 'search?key={IN_SOURCE}'
        where ctid in (select ctid from api_usage limit 200);
"""


class Workplace:
    """A copy of the repository, a database whose role has a secret for its password, and all that came out of it."""

    def __init__(self, folder: Path, dsn: str, role: str) -> None:
        self.folder, self.dsn, self.role = folder, dsn, role
        # Characters that an address has to quote, so that a clumsy message would cut it.
        self.password = f"canary/of@the:password-{secrets.token_hex(4)}"
        self.output: list[str] = []
        (folder / ".venv").symlink_to(sys.prefix)

    def url(self, **changes: str) -> str:
        settings = {**environment_of(self.dsn), "PGUSER": self.role, "PGPASSWORD": self.password, **changes}
        credentials = f"{settings['PGUSER']}:{quote(settings['PGPASSWORD'], safe='')}"
        address = f"{credentials}@{settings['PGHOST']}:{settings['PGPORT']}"
        return urlunsplit(("postgresql", address, settings["PGDATABASE"], "sslmode=disable", ""))

    def run(self, *command: str, **variables: str) -> int:
        """Run a command of the copy; its exit status. What it prints is kept."""
        kept = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and not k.startswith(("PG", "DBT_"))}
        result = subprocess.run(
            command,
            cwd=self.folder,
            env={**kept, "PATH": f"{self.folder / '.venv' / 'bin'}{os.pathsep}{kept['PATH']}", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        self.output.append(result.stdout)
        return result.returncode

    def build_all(self, is_parsed: bool = True, **changes: str) -> int:
        """What a user does first. `is_parsed`: dbt finds its last parse."""
        settings = {"DATABASE_URL": self.url(**changes)}
        if is_parsed:
            spare_parsing(self.folder / "target", settings)
        return self.run("scripts/run", **settings)

    def dbt(self, *arguments: str, is_parsed: bool = True, **changes: str) -> int:
        settings = {**environment_of(self.dsn), "PGUSER": self.role, "PGPASSWORD": self.password, **changes}
        if is_parsed:
            variables = yaml.safe_load(arguments[-1]) if "--vars" in arguments else {}
            spare_parsing(self.folder / "target", settings, **variables)
        options = ["--profiles-dir", "profiles", "--log-level", "debug", "--log-level-file", "debug"]
        return self.run("dbt", *arguments, *options, **settings)

    def traces(self) -> list[str]:
        """Where a canary is: files of the copy, lines of output, rows of the schemas that dbt made."""
        parts = (IN_SOURCE, self.password, quote(self.password, safe=""), *self.password.split("/"))
        canaries = [part for part in parts if len(part) > 8]
        found = []
        for number, text in enumerate(self.output):
            found += [f"output {number}" for canary in canaries if canary in text]
        for path in self.folder.rglob("*"):
            if path.is_file() and ".venv" not in path.relative_to(self.folder).parts:
                content = path.read_bytes()
                found += [str(path) for canary in canaries if canary.encode() in content]
        return sorted({*found, *self._traces_in_database(canaries)})

    def _traces_in_database(self, canaries: list[str]) -> list[str]:
        found = []
        with closing(psycopg2.connect(self.dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select n.nspname, relname from pg_class inner join pg_namespace as n on relnamespace = n.oid"
                " where n.nspname ~ '^analytics' and relkind in ('r', 'v', 'm')"
            )
            for schema, relation in cursor.fetchall():
                name = sql.Identifier(schema, relation)
                cursor.execute(
                    sql.SQL("select count(*) from {} as r where r::text ~ %s").format(name), ("|".join(canaries),)
                )
                if cursor.fetchone() != (0,):
                    found.append(f"{schema}.{relation}")
            cursor.execute("select description from pg_description")
            found += [text for (text,) in cursor.fetchall() if any(canary in text for canary in canaries)]
        return found


@pytest.fixture(scope="module")
def workplace(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    folder = tmp_path_factory.mktemp("secrets") / "clone"
    left_out = {"target", "logs", "site", ".venv", ".postgres", ".git", ".hypothesis", "benchmark", "profiles.yml"}
    shutil.copytree(REPOSITORY, folder, ignore=lambda where, _: left_out if Path(where) == REPOSITORY else set())
    shutil.rmtree(folder / "tests" / "python")  # where the canaries are written down
    with new_database(server) as dsn:
        generate(dsn, "hybrid", api_calls=1_000, seed=1)
        execute(dsn, PLANTED)
        role = "keeper_" + secrets.token_hex(4)
        workplace = Workplace(folder, dsn, role)
        execute(dsn, f"create role {role} superuser login password '{workplace.password}'")
        yield workplace
        execute(dsn, f"reassign owned by {role} to postgres")
        execute(server.dsn("postgres"), f"drop role {role}")


def test_the_search_finds(workplace: Workplace, tmp_path: Path) -> None:
    """A canary on each of its paths: what finds nothing otherwise is not blind."""
    planted = workplace.folder / "target" / "planted.txt"
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"postgresql://x:{quote(workplace.password, safe='')}@y")
    execute(workplace.dsn, f"create schema analytics_more; create table analytics_more.t as select '{IN_SOURCE}' as a")
    workplace.output.append(workplace.password.split("/")[1])
    assert workplace.traces() == sorted([str(planted), "analytics_more.t", "output 0"])
    planted.unlink()
    workplace.output.clear()
    execute(workplace.dsn, "drop schema analytics_more cascade")


def test_a_full_run(workplace: Workplace) -> None:
    assert workplace.build_all(is_parsed=False) == 0, workplace.output[-1]
    variables = "{tenant_mode: true, mask_personal_data: true}"
    build = ("build", "--selector", "everything", "--exclude-resource-type", "unit_test", "--full-refresh")
    build += ("--vars", variables)
    assert workplace.dbt(*build) == 0
    assert workplace.dbt("docs", "generate", "--static") == 0, workplace.output[-1][-2000:]
    assert workplace.dbt("run-operation", "create_roles", "--vars", "{reporter_role: nobody_yet}") == 0
    assert workplace.dbt("source", "freshness") in (0, 1)
    assert (workplace.folder / "site" / "index.html").exists()
    assert (workplace.folder / "logs").exists()
    assert query(workplace.dsn, "select count(*) from analytics_audit.source_businesses_campaign_exists") != [(0,)]
    assert workplace.traces() == []


def test_the_key_of_pseudonyms(workplace: Workplace) -> None:
    ((inner, outer),) = query(workplace.dsn, "select inner_key, outer_key from analytics_staging.pseudonym_key")
    keys = [bytes(key).hex() for key in (inner, outer)]
    assert [text for text in workplace.output if any(key in text for key in keys)] == []
    for path in workplace.folder.rglob("*"):
        if path.is_file() and ".venv" not in path.relative_to(workplace.folder).parts:
            content = path.read_bytes()
            assert not any(key.encode() in content for key in keys), path


FAILURES = {
    "a statement that is cancelled": "alter role {role} set statement_timeout = '15ms'",
    "a column that is gone": "alter table campaigns rename name to other",
}
MENDED = """
    alter role {role} reset all;
    do $$ begin alter table campaigns rename other to name; exception when undefined_column then null; end $$
"""


@pytest.mark.parametrize("failure", FAILURES)
def test_a_run_that_fails(workplace: Workplace, failure: str) -> None:
    execute(workplace.dsn, FAILURES[failure].format(role=workplace.role))
    try:
        assert workplace.dbt("build", "--full-refresh") != 0
        assert workplace.build_all() != 0
    finally:
        execute(workplace.dsn, MENDED.format(role=workplace.role))
    assert workplace.traces() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"PGDATABASE": "nowhere"},
        {"PGPORT": "1"},
        {"PGHOST": "nowhere.invalid"},
        {"PGUSER": "nobody"},
        {"PGSSLMODE": "require"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_connection_that_fails(workplace: Workplace, changes: dict[str, str]) -> None:
    assert workplace.dbt("run", **changes) != 0
    assert workplace.dbt("debug", **changes) != 0
    if "PGSSLMODE" not in changes:
        assert workplace.build_all(**changes) != 0
    assert workplace.traces() == []


def test_a_wrong_password(workplace: Workplace) -> None:
    execute(workplace.dsn, f"alter role {workplace.role} password 'other'")
    try:
        assert workplace.dbt("run") != 0
        assert workplace.build_all() != 0
    finally:
        execute(workplace.dsn, f"alter role {workplace.role} password '{workplace.password}'")
    assert workplace.traces() == []


def test_an_address_that_is_not_quoted(workplace: Workplace) -> None:
    """The password's own @ and / move parts of it into host and port, which messages name."""
    parts = urlsplit(workplace.url())
    clumsy = f"postgresql://{workplace.role}:{workplace.password}@{parts.hostname}:{parts.port}{parts.path}"
    assert workplace.run("scripts/run", DATABASE_URL=clumsy) != 0
    assert workplace.traces() == []
