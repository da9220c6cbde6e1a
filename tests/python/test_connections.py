"""What stands between dbt and the server: poolers, limits of connections, and timeouts that a role was given."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import own_database
import pytest
from clones import SMALLEST_SOURCE, Clone, free_port, url_of
from conftest import REPOSITORY, environment_of, execute, libpq_environment, new_database, query, run_dbt
from dbt.cli.main import dbtRunnerResult
from errors import UserFacingError
from psycopg2.extensions import make_dsn, parse_dsn

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
NEEDS_PGBOUNCER = pytest.mark.skipif(PGBOUNCER is None, reason="needs pgbouncer")


@pytest.fixture(scope="module")
def dsn(servers) -> Iterator[str]:
    with new_database(servers("embedded")) as dsn:
        execute(dsn, SMALLEST_SOURCE)
        yield dsn


@contextmanager
def pooled(dsn: str, folder: Path, mode: str, *settings: str) -> Iterator[str]:
    """The connection string of a pgbouncer before this database."""
    server = parse_dsn(dsn)
    port = free_port()
    folder.chmod(0o755)
    users = folder / "users.txt"
    users.write_text(f'"{server["user"]}" "{server["password"]}"\n')
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        "\n".join(
            (
                "[databases]",
                f"{server['dbname']} = host={server['host']} port={server['port']}",
                "[pgbouncer]",
                f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =",
                f"auth_type = plain\nauth_file = {users}",
                f"pool_mode = {mode}\nignore_startup_parameters = extra_float_digits",
                *settings,
            )
        )
    )
    command = [str(PGBOUNCER), str(configuration)]
    if os.getuid() == 0:
        command[1:1] = ["--user", "nobody"]
    with (folder / "pgbouncer.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    parameters = {**server, "host": "127.0.0.1", "port": port, "sslmode": "disable"}
    try:
        while True:
            with socket.socket() as caller:
                if caller.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (folder / "pgbouncer.log").read_text()
            time.sleep(0.05)
        yield make_dsn(**parameters)
    finally:
        process.kill()
        process.wait()


def written(dsn: str) -> list[tuple]:
    """What there is of the project in a database."""
    return query(dsn, "select nspname from pg_namespace where nspname like 'analytics%' order by 1")


def scheduled_run(dsn: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "scripts/scheduled_run.py", *arguments]
    return Clone(REPOSITORY).run(*command, DATABASE_URL=url_of(dsn))


def message(result: dbtRunnerResult) -> str:
    return str(result.exception or [node.message for node in result.result or () if node.message])


@NEEDS_PGBOUNCER
@pytest.mark.parametrize("settings", [(), ("server_reset_query_always = 1",)], ids=["plain", "reset always"])
def test_a_transaction_pooler_is_refused_by_dbt(dsn: str, tmp_path: Path, settings: tuple[str, ...]) -> None:
    with pooled(dsn, tmp_path, "transaction", *settings) as through:
        result = run_dbt(["build", "--target-path", str(tmp_path / "target")], environment_of(through))
    assert not result.success
    assert "pools transactions" in message(result)
    assert written(dsn) == []


@NEEDS_PGBOUNCER
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_without_sessions_is_refused_by_programs(dsn: str, tmp_path: Path, mode: str) -> None:
    with pooled(dsn, tmp_path, mode) as through:
        run = scheduled_run(through)
    assert run.returncode == 1
    assert "connect to the server, or to a pooler that pools sessions" in run.stdout
    assert "Traceback" not in run.stdout
    assert written(dsn) == []


@NEEDS_PGBOUNCER
def test_a_pooler_of_sessions_is_as_good_as_the_server(dsn: str, tmp_path: Path) -> None:
    with pooled(dsn, tmp_path, "session") as through:
        for _ in range(2):
            with libpq_environment(environment_of(through)):
                own_database.connect(environment_of(through)).close()
            result = run_dbt(["run", "--select", "campaigns", "--target-path", str(tmp_path)], environment_of(through))
            assert not (result.exception or "pools" in message(result)), message(result)


@pytest.fixture
def few_sessions(dsn: str) -> Iterator[str]:
    """The connection string of a role that may have five sessions."""
    execute(
        dsn,
        """
        create role few login password 'few' connection limit 5;
        grant select on all tables in schema public to few;
        do $$ begin execute format('grant create on database %I to few', current_database()); end $$
        """,
    )
    yield make_dsn(**{**parse_dsn(dsn), "user": "few", "password": "few"})
    execute(dsn, "drop owned by few cascade; drop role few")


def test_fewer_threads_where_a_role_may_have_few_sessions(few_sessions: str, tmp_path: Path) -> None:
    environment = environment_of(few_sessions)
    refused = run_dbt(["build", "--target-path", str(tmp_path)], environment)
    assert re.search(r"set DBT_THREADS=[1-4], or raise the limit", message(refused))
    assert written(few_sessions) == []
    run = scheduled_run(few_sessions, "--attempts", "1")
    assert "2 threads, not 8: user few may have 5 more sessions" in run.stdout
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("wanted", ["0", "many"])
def test_a_number_of_threads_is_a_number(dsn: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with libpq_environment(environment_of(dsn)):
        monkeypatch.setenv("DBT_THREADS", wanted)
        with pytest.raises(UserFacingError, match=f"DBT_THREADS is {wanted}"):
            own_database.check(environment_of(dsn))
