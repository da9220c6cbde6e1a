"""Run every check of the project, all of them even if one fails. Called by ./scripts/test."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import embedded_postgres
from embedded_postgres import REPOSITORY
from errors import UserFacingError
from generate_sample_data import generate
from own_database import environment_without_database

LINT_DATABASE = "leadgen"
LINT_API_CALLS = 1_000


@dataclass(frozen=True)
class Check:
    """A command, and whether its output is worth seeing when it passes."""

    name: str
    command: list[str]
    is_shown: bool = False


# sqlfluff and dbt-bouncer come after dbt's parsing, whose manifest they read.
STATIC_CHECKS = (
    Check("ruff", ["ruff", "check", "."]),
    Check("yamllint", ["yamllint", "--strict", "."]),
    Check("dbt parse without warnings", ["dbt", "parse", "--quiet", "--no-partial-parse", "--warn-error"]),
    # Models that ask the database what has been built can be compiled only once the project's own table is there.
    Check("dbt create_functions", ["dbt", "run-operation", "--quiet", "create_functions"]),
    Check("sqlfluff", ["sqlfluff", "lint", "--processes", "2", "models", "analyses", "tests/dbt"]),
    Check("dbt-bouncer", ["dbt-bouncer", "run", "--show-all-failures"]),
)
# Tests that share servers and databases stay together (conftest.py). Beyond four, servers get in each other's way.
IN_PARALLEL = ["-n", "auto", "--maxprocesses", "4", "--dist", "loadgroup"]
PYTEST = Check("pytest", ["pytest", "-q", "--durations=10", *IN_PARALLEL], is_shown=True)


def main() -> int:
    os.chdir(REPOSITORY)
    outcomes = {}
    with tempfile.TemporaryDirectory(prefix="leadgen-checks-") as folder:
        data_dir = Path(folder) / "postgres"
        try:
            environment = _lint_environment(data_dir)
            for check in STATIC_CHECKS:
                outcomes[check.name] = _run(check, environment)
        finally:
            embedded_postgres.stop(data_dir)
    outcomes[PYTEST.name] = _run(PYTEST, _base_environment())
    return _summarize(outcomes)


def _base_environment() -> dict[str, str]:
    """The developer's environment without a database, and with this folder's programs."""
    kept = environment_without_database()
    # Without a terminal, wide enough for dbt-bouncer's tables.
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}", "COLUMNS": "160"}


def _lint_environment(data_dir: Path) -> dict[str, str]:
    """A database with sample data in it: what a model compiles to depends on the columns that its source has."""
    server = embedded_postgres.start(data_dir, durable=False)
    embedded_postgres.ensure_database(server, LINT_DATABASE)
    generate(server.dsn(LINT_DATABASE), "hybrid", api_calls=LINT_API_CALLS)
    return {**_base_environment(), **server.environment(LINT_DATABASE)}


def _run(check: Check, environment: dict[str, str]) -> str:
    """Run one check and say how it went; returns passed, failed or skipped."""
    if check.name == "dbt-bouncer" and importlib.util.find_spec("dbt_bouncer") is None:
        print("dbt-bouncer: skipped, it needs Python 3.11 or newer", flush=True)
        return "skipped"
    print(f"{check.name}: ", end="\n" if check.is_shown else "", flush=True)
    started = time.monotonic()
    result = subprocess.run(
        check.command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=None if check.is_shown else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    outcome = "failed" if result.returncode else "passed"
    print(f"{outcome} in {time.monotonic() - started:.0f} s", flush=True)
    if outcome == "failed" and result.stdout:
        print(result.stdout, flush=True)
    return outcome


def _summarize(outcomes: dict[str, str]) -> int:
    print()
    for name, outcome in outcomes.items():
        print(f"  {name:<40} {outcome}")
    passed, failed, skipped = (list(outcomes.values()).count(word) for word in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserFacingError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
