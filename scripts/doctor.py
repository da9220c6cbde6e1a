"""Say what the database is like, for this project: what a run would find, and what could be better.

Reads catalogues, and rows only where that is quick: it cannot write, and no query of its takes longer than --timeout.
The database is the one that ./scripts/run would use: DATABASE_URL or the PG* variables, else the embedded server.

Exit code: 0 nothing to do, 1 warnings, 2 errors (a run would stop, or rows are hidden), 3 it could not look (wrong
usage, no database, no connection), 130 interrupted.

--json prints one object: `version` (1), `database`, `shape`, `counts` (findings by severity) and `findings`, a list of
objects with `area`, `code` (stable, for programs), `severity` (ok, info, warning or error), `object` (a table, column,
constraint, role or setting), `message`, and `remedy` (SQL if it ends in a semicolon; null if there is none). When it
could not look, the object has `version` and `error`, one line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NoReturn

import embedded_postgres
import own_database
import psycopg2
from embedded_postgres import REPOSITORY, SAMPLE_DATABASE
from errors import UserFacingError
from psycopg2.extensions import connection as Connection

if TYPE_CHECKING:
    from diagnosis.project import Project

COULD_NOT_LOOK = 3
JSON_VERSION = 1
EXIT_CODES = {"ok": 0, "info": 0, "warning": 1, "error": 2}
MARKS = {"ok": "ok", "info": "note", "warning": "WARNING", "error": "ERROR"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(COULD_NOT_LOOK, f"{self.prog}: {message}\n")


def main() -> int:
    options = _options()
    os.chdir(REPOSITORY)
    try:
        return _examine(options)
    except UserFacingError as error:
        message = str(error)
    except psycopg2.Error as error:
        message = " ".join(str(error).split()) or type(error).__name__
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except Exception as error:  # its own exit code would say that there are warnings
        traceback.print_exc()
        message = f"{type(error).__name__}: {error}"
    if options.json:
        print(json.dumps({"version": JSON_VERSION, "error": message}))
    print(f"Error: {message}", file=sys.stderr)
    return COULD_NOT_LOOK


def _options() -> argparse.Namespace:
    parser = _Parser(prog="./scripts/doctor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--vars", default="{}", metavar="YAML", help="variables of dbt, such as '{source_schema: app}'")
    parser.add_argument(
        "--timeout", type=_seconds, default=5, metavar="SECONDS", help="for each query (default: %(default)s)"
    )
    return parser.parse_args()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 86_400:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds")
    return seconds


def _examine(options: argparse.Namespace) -> int:
    is_embedded = not own_database.is_named(os.environ)
    with closing(_connect(is_embedded)) as connection:
        # dbt takes a second or two to load: after what can fail at once.
        from diagnosis.project import read_project

        report = diagnose(connection, read_project(options.vars), options.timeout, is_embedded)
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        _print(report)
    return max(EXIT_CODES[finding["severity"]] for finding in report["findings"])


def diagnose(connection: Connection, project: Project, timeout: float, is_embedded: bool) -> dict[str, Any]:
    """The report that --json prints. dbt must reach the same database by the process's environment."""
    from diagnosis import clocks, extensions, foreign_keys, rights, source, spend
    from diagnosis.finding import Patient

    _make_harmless(connection, timeout)
    state = project.read_state(timeout)
    patient = Patient(connection, project.tables, state, is_embedded)
    areas = {
        "source": source.examine,
        "foreign keys": foreign_keys.examine,
        "spend": spend.examine,
        "clocks": clocks.examine,
        "extensions": extensions.examine,
        "rights": rights.examine,
    }
    findings = [
        {"area": area, **asdict(finding)}
        for area, examine in areas.items()
        for finding in _findings(area, examine, patient)
    ]
    counts = Counter(finding["severity"] for finding in findings)
    info = connection.info
    return {
        "version": JSON_VERSION,
        "database": {
            "host": info.host,
            "port": info.port,
            "name": info.dbname,
            "role": info.user,
            "server_version": info.parameter_status("server_version"),
            "schema": patient.schema,
        },
        "shape": None if state["bad_source"] else state["shape"],
        "counts": {severity: counts[severity] for severity in EXIT_CODES},
        "findings": findings,
    }


def _connect(is_embedded: bool) -> Connection:
    """A connection, and the environment by which dbt reaches the same database."""
    if is_embedded:
        if not embedded_postgres.DEFAULT_DATA_DIR.exists():
            raise UserFacingError(
                "No database to look at: set DATABASE_URL, or run ./scripts/run for one with sample data."
            )
        server = embedded_postgres.start(embedded_postgres.DEFAULT_DATA_DIR)
        variables = server.environment(SAMPLE_DATABASE)
    else:
        variables = own_database.libpq_environment(os.environ)
    os.environ.update(variables)
    connection = own_database.connect(variables)
    os.environ.pop("PGSERVICE", None)
    os.environ.update(own_database.spelled_out(connection, variables))
    return connection


def _make_harmless(connection: Connection, timeout: float) -> None:
    """No writing, and nothing that takes long, or that anybody would wait for."""
    connection.set_session(readonly=True, autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('statement_timeout', %s, false), set_config('lock_timeout', '1s', false),"
            " set_config('jit', 'off', false)",
            (f"{int(timeout * 1000) or 1}ms",),
        )


def _findings(area: str, examine: Callable[[Any], Iterator[Any]], patient: Any) -> Iterator[Any]:
    """What one examination finds. That one cannot be done is a finding too, and no reason to leave the others out."""
    from diagnosis.finding import Finding, in_one_line

    try:
        yield from examine(patient)
    except (psycopg2.errors.QueryCanceled, psycopg2.errors.LockNotAvailable):
        yield Finding("not_examined", "info", area, "not all of it could be looked at in time", "a longer --timeout")
    except psycopg2.errors.InsufficientPrivilege as error:
        yield Finding("not_examined", "info", area, f"not all of it may be looked at: {error.diag.message_primary}")
    except psycopg2.Error as error:
        if patient.connection.closed:
            raise
        yield Finding("not_examined", "warning", area, f"not all of it can be looked at: {in_one_line(error)}")


def _print(report: dict[str, Any]) -> None:
    database, findings = report["database"], report["findings"]
    print(
        f"Database {database['name']} on {database['host']}:{database['port']}, as {database['role']},"
        f" PostgreSQL {database['server_version']}"
    )
    area = None
    for finding in findings:
        if finding["area"] != area:
            area = finding["area"]
            print(f"\n{area.capitalize()}")
        _print_one(finding)
    counts = report["counts"]
    print(f"\n{counts['error']} errors, {counts['warning']} warnings, {counts['info']} notes.")


def _print_one(finding: dict[str, Any]) -> None:
    text = f"{finding['object']}: {finding['message']}"
    print(textwrap.fill(text, 118, initial_indent=f"  {MARKS[finding['severity']]:<8} ", subsequent_indent=" " * 11))
    # In one line, so that it can be copied.
    if finding["remedy"]:
        print(f"{'':11}→ {finding['remedy']}")


if __name__ == "__main__":
    sys.exit(main())
