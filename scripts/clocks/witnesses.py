"""Ask each kind of program that the tests run what time it is. Started by check_clocks.py at another clock.

Prints a line of JSON for each: its name, the seconds since 1970 that it says, and CLOCK_MONOTONIC before and after.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(SCRIPTS), str(SCRIPTS.parent / "tests" / "python")]

import embedded_postgres  # noqa: E402 (they are where the path says)
import psycopg2  # noqa: E402
import yaml  # noqa: E402
from boards.chromium import PROGRAMS  # noqa: E402
from browser import ARGUMENTS  # noqa: E402
from embedded_postgres import Server  # noqa: E402
from own_database import environment_without_database  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
NOW = "select extract(epoch from clock_timestamp())::float8"
PROJECT = {"name": "clock", "version": "1.0.0", "profile": "leadgen_analytics"}
MACRO = "{% macro say() %}{{ print(modules.datetime.datetime.now().timestamp()) }}{% endmacro %}"


def answers(folder: Path) -> Iterator[tuple[str, float]]:
    """The name of each kind of program, and what it says."""
    yield "Python", time.time()
    yield "bash", float(subprocess.run(["bash", "-c", "date +%s.%N"], stdout=subprocess.PIPE, check=True).stdout)
    servers = {"the embedded PostgreSQL": None}
    if POSTGRES_15.exists():
        servers["PostgreSQL 15"] = POSTGRES_15
    for number, (name, bin_dir) in enumerate(servers.items()):
        data_dir = folder / f"server{number}"
        try:
            server = embedded_postgres.start(data_dir, bin_dir, durable=False)
            yield name, _answer_of(server, name)
            if bin_dir is None:
                yield "dbt", _answer_of_dbt(server, folder / "project")
        finally:
            embedded_postgres.stop(data_dir)
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
            yield "Chromium", browser.new_page().evaluate("new Date().getTime()") / 1000
            browser.close()


def _answer_of(server: Server, name: str) -> float:
    """What the server says, which must also be able to tell when a time has passed."""
    with closing(psycopg2.connect(server.dsn("postgres"))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("set statement_timeout = '100ms'")
        try:
            cursor.execute("select pg_sleep(20)")
        except psycopg2.errors.QueryCanceled:
            cursor.execute(NOW)
            return cursor.fetchone()[0]
    sys.exit(f"a statement of {name} does not end at its timeout.")


def _answer_of_dbt(server: Server, project: Path) -> float:
    (project / "macros").mkdir(parents=True)
    (project / "dbt_project.yml").write_text(yaml.safe_dump(PROJECT), encoding="utf-8")
    (project / "macros" / "say.sql").write_text(MACRO, encoding="utf-8")
    said = subprocess.run(
        [Path(sys.executable).with_name("dbt"), "run-operation", "say", "--quiet", "--log-level-file", "none"],
        cwd=project,
        env={
            **environment_without_database(),
            **server.environment("postgres"),
            "DBT_PROFILES_DIR": str(SCRIPTS.parent / "profiles"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        return float(said.stdout)
    except ValueError:
        sys.exit(f"dbt does not say what time it is: {' '.join(said.stdout.split())}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asking = answers(Path(folder))
        before = time.monotonic()
        for name, said in asking:
            print(json.dumps([name, said, before, time.monotonic()]), flush=True)
            before = time.monotonic()


if __name__ == "__main__":
    main()
