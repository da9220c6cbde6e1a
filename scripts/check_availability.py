"""Measure what readers of the marts notice while the project is built, changed and killed.

Works on a copy of the project and on a server and a sample of its own, all thrown away afterwards. Readers query every
mart, one after the other, as a role that may do nothing else. For each case it prints how many queries they made and
how many failed, for how long any mart was missing, how often the server had to end a deadlock, how long 95 of 100
queries took at most, and the longest, and whether a view that an analyst made on a mart still answers afterwards.

Exit code: 0 if no query failed and the analyst's view was always there, 1 if not, 130 interrupted.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import embedded_postgres
import psycopg2
from embedded_postgres import REPOSITORY, Server
from errors import UserFacingError
from generate_sample_data import generate
from own_database import environment_without_database
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

NOT_COPIED = (".git", ".venv", ".postgres", "target", "logs", "site", "__pycache__", ".*_cache")
MARTS = sorted(path.stem for path in (REPOSITORY / "models" / "marts").glob("*.sql"))
HELD_MART = "api_cost_tracking"
"""What the analyst's view reads, and what the long reader holds."""
CHANGED_STAGING_MODEL = "stg_campaigns"

READER = "reader"
READER_PASSWORD = "reads the marts of a throw-away server"
CREATE_READER = f"create role {READER} login password '{READER_PASSWORD}'"
ADMIT_READER = f"""
create schema own authorization {READER};
create schema analytics;
grant usage on schema analytics to {READER};
alter default privileges in schema analytics grant select on tables to {READER};
"""
DROP_OWN_VIEW = "drop view if exists own.spend"
CREATE_OWN_VIEW = f"create view own.spend as select api_service, total_cost from analytics.{HELD_MART}"

FAILING_TEST = f"select * from {{{{ ref('{CHANGED_STAGING_MODEL}') }}}}"
CHANGED_MODEL = """{{{{ config(contract={{'enforced': false}}) }}}}
with original as (
{original}
)

select original.*, cast(1 as {type}) as added_column
from original
"""
NO_TEST = ("--exclude-resource-type", "unit_test", "test")
ONE_TEST_ONLY = ("--exclude", "test_type:generic", "test_type:unit")
COUNT_MARTS = f"""
select count(*) from pg_class where relnamespace = 'analytics'::regnamespace and relname in ('{"', '".join(MARTS)}')
"""
OTHER_SESSIONS = """
select from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
SESSION_END_SECONDS = 5
QUICK = {"builds": 1, "full_refreshes": 1, "kills": 3, "hold": 5, "load": 10, "without_tests": True}


@dataclass
class Observation:
    """What readers noticed during one case."""

    failed: int = 0
    missing_seconds: float = 0
    deadlocks: int = 0
    seconds: list[float] = field(default_factory=list)
    own_view_answers: bool = False
    failed_builds: int = 0
    errors: set[str] = field(default_factory=set)

    @property
    def p95_seconds(self) -> float:
        return sorted(self.seconds)[int(0.95 * len(self.seconds))] if self.seconds else 0

    @property
    def is_good(self) -> bool:
        return not (self.failed or self.missing_seconds or self.failed_builds) and self.own_view_answers


class Project:
    """A copy of the project, the database it builds, and dbt on both."""

    def __init__(self, folder: Path, server: Server, options: argparse.Namespace):
        self.folder = folder
        self.server = server
        self.database = folder.name
        self.left_out = ("--exclude-resource-type", "unit_test", *(["test"] if options.without_tests else []))
        self.build_seconds = 0.0
        embedded_postgres.ensure_database(server, self.database)
        generate(server.dsn(self.database), "hybrid", api_calls=options.api_calls, seed=1)
        self.execute(ADMIT_READER)
        shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
        models = [*(folder / "models" / "marts").glob("*.sql"), *folder.glob(f"models/**/{CHANGED_STAGING_MODEL}.sql")]
        self.originals = {path: path.read_text(encoding="utf-8") for path in models}

    def use_stock_materializations(self) -> None:
        """Leave the building to dbt's own materializations."""
        for path in (self.folder / "macros" / "materializations").iterdir():
            if path.name != "in_place.sql":  # has no materialization, and what rollups use as well
                path.unlink()
        path = self.folder / "dbt_project.yml"
        path.write_text(path.read_text(encoding="utf-8").replace('"{{ drop_retired_relations() }}"', '""'))

    def start_dbt(self, *arguments: str) -> subprocess.Popen:
        """Start `dbt build`. The caller waits for it."""
        program = Path(sys.executable).with_name("dbt")
        places = ["--profiles-dir", "profiles", "--log-level", "none", "--log-level-file", "warn"]
        return subprocess.Popen(
            [program, "build", *places, *arguments],
            cwd=self.folder,
            env={**environment_without_database(), **self.server.environment(self.database)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def build(self, *arguments: str, left_out: tuple[str, ...] | None = None) -> bool:
        """Run `dbt build` to its end; whether all went well."""
        process = self.start_dbt(*arguments, *(left_out or self.left_out))
        started = time.monotonic()
        try:
            is_built = process.wait() == 0
        finally:
            process.kill()
        self.build_seconds = time.monotonic() - started
        return is_built

    def change(self, added_type: str | None) -> None:
        """Give each mart, and a staging model, one more column of this type, or none."""
        for path, original in self.originals.items():
            text = CHANGED_MODEL.format(original=original, type=added_type) if added_type else original
            path.write_text(text, encoding="utf-8")

    def connect(self, role: str | None = None) -> Connection:
        password = {"user": role, "password": READER_PASSWORD} if role else {}
        connection = psycopg2.connect(self.server.dsn(self.database), **password)
        connection.autocommit = True
        return connection

    def execute(self, statement: str, role: str | None = None) -> list[tuple]:
        with closing(self.connect(role)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


class Watch:
    """Readers and a watcher at work in threads, from `start` to `finish`."""

    def __init__(self, project: Project, readers: int, pause_seconds: float):
        self.project = project
        self.pause_seconds = pause_seconds
        self.seen = Observation()
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._read, args=(number,)) for number in range(readers)]
        self.threads.append(threading.Thread(target=self._look_for_marts))

    def start(self) -> None:
        self.deadlocks_before = self._deadlocks()
        for thread in self.threads:
            thread.start()

    def finish(self) -> Observation:
        self.ending.set()
        for thread in self.threads:
            thread.join()
        self._wait_for_counters()
        self.seen.deadlocks = self._deadlocks() - self.deadlocks_before
        try:
            self.project.execute("select * from own.spend limit 1", READER)
            self.seen.own_view_answers = True
        except psycopg2.Error as error:
            self.seen.errors.add(_first_line(error))
        return self.seen

    def _wait_for_counters(self) -> None:
        """A session publishes what it has counted by its end; that of a killed dbt may take a while to end."""
        deadline = time.monotonic() + SESSION_END_SECONDS
        while self.project.execute(OTHER_SESSIONS) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _read(self, number: int) -> None:
        with closing(self.project.connect(READER)) as connection, connection.cursor() as cursor:
            for mart in itertools.cycle(random.Random(number).sample(MARTS, len(MARTS))):
                if self.ending.wait(self.pause_seconds):
                    return
                started = time.monotonic()
                error = None
                try:
                    cursor.execute(sql.SQL("select * from analytics.{} limit 1").format(sql.Identifier(mart)))
                except psycopg2.Error as raised:
                    error = _first_line(raised)
                seconds = time.monotonic() - started
                with self.lock:
                    self.seen.seconds.append(seconds)
                    if error:
                        self.seen.failed += 1
                        self.seen.errors.add(error)

    def _look_for_marts(self) -> None:
        with closing(self.project.connect()) as connection, connection.cursor() as cursor:
            before = time.monotonic()
            while not self.ending.wait(0.01):
                cursor.execute(COUNT_MARTS)
                now = time.monotonic()
                if cursor.fetchone() != (len(MARTS),):
                    self.seen.missing_seconds += now - before
                before = now

    def _deadlocks(self) -> int:
        ((count,),) = self.project.execute("select deadlocks from pg_stat_database where datname = current_database()")
        return count


@dataclass(frozen=True)
class Case:
    """A way to build the project, which returns how many builds failed that should not, and who reads meanwhile."""

    build: Callable[[Project], int]
    readers: int
    pause_seconds: float = 0.03
    """Between the queries of a reader, to leave dbt some of a small machine."""


def _cases(options: argparse.Namespace) -> dict[str, Case]:
    def repeat(count: int, *arguments: str) -> Callable[[Project], int]:
        return lambda project: sum(not project.build(*arguments) for _ in range(count))

    def fail_a_test(project: Project) -> int:
        test = project.folder / "tests" / "dbt" / "fails_on_purpose.sql"
        test.write_text(FAILING_TEST, encoding="utf-8")
        is_built = project.build(left_out=ONE_TEST_ONLY)
        test.unlink()
        return int(is_built)

    def kill(project: Project) -> int:
        moments = random.Random(0)
        seconds = project.build_seconds
        for _ in range(options.kills):
            process = project.start_dbt(*project.left_out)
            time.sleep(moments.uniform(0, seconds))
            process.kill()
            process.wait()
        return 0

    def change(added_type: str | None) -> Callable[[Project], int]:
        def build(project: Project) -> int:
            project.change(added_type)
            return int(not project.build())

        return build

    def hold(project: Project) -> int:
        with closing(project.connect(READER)) as reader:
            reader.autocommit = False
            reader.cursor().execute(f"select * from analytics.{HELD_MART} limit 1")
            letting_go = threading.Timer(options.hold, reader.rollback)
            letting_go.start()
            failures = change("integer")(project)
            letting_go.join()
        return failures

    def load(project: Project) -> int:
        failures, end = 0, time.monotonic() + options.load
        while time.monotonic() < end:
            failures += not project.build()
        return failures

    builds = {
        f"{options.builds} × build": repeat(options.builds),
        f"{options.full_refreshes} × full refresh": repeat(options.full_refreshes, "--full-refresh"),
        "a staging test fails": fail_a_test,
        f"{options.kills} × killed (SIGKILL)": kill,
        "a column is added": change("integer"),
        "a column changes its type": change("text"),
        "a column is dropped": change(None),
        f"a reader holds a mart for {options.hold} s": hold,
    }
    cases = {name: Case(build, options.readers) for name, build in builds.items()}
    cases[f"{options.load_readers} readers for {options.load} s"] = Case(load, options.load_readers, pause_seconds=1)
    return {name: case for name, case in cases.items() if options.only in name and not name.startswith("0 ")}


def _observe(project: Project, case: Case) -> Observation:
    # From a whole database, whatever the case before has left.
    if project.execute(COUNT_MARTS) != [(len(MARTS),)] and not project.build(left_out=NO_TEST):
        raise UserFacingError(f"The project could not be built; see {project.folder}/logs/dbt.log")
    project.execute(f"{DROP_OWN_VIEW}; {CREATE_OWN_VIEW}", READER)
    watch = Watch(project, case.readers, case.pause_seconds)
    watch.start()
    failed_builds = 0
    try:
        failed_builds = case.build(project)
    finally:
        seen = watch.finish()
    seen.failed_builds = failed_builds
    return seen


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


HEADER = (
    "case",
    "built by",
    "queries",
    "failed",
    "a mart missing",
    "deadlocks",
    "p95",
    "longest query",
    "analyst's view",
)


def _cells(name: str, side: str, seen: Observation) -> list[str]:
    return [
        name,
        side,
        f"{len(seen.seconds):,}",
        f"{seen.failed:,}",
        f"{seen.missing_seconds:.1f} s",
        str(seen.deadlocks),
        f"{seen.p95_seconds:.2f} s",
        f"{max(seen.seconds, default=0):.1f} s",
        "answers" if seen.own_view_answers else "gone",
    ]


def _print_row(cells: Iterable[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/check_availability", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--builds", type=int, default=20, metavar="N", help="times `dbt build` (default 20)")
    parser.add_argument("--full-refreshes", type=int, default=5, metavar="N", help="with --full-refresh (default 5)")
    parser.add_argument("--kills", type=int, default=10, metavar="N", help="times that dbt is killed (default 10)")
    parser.add_argument("--hold", type=int, default=30, metavar="S", help="how long a reader holds a mart (default 30)")
    parser.add_argument("--load", type=int, default=60, metavar="S", help="how long many readers ask (default 60)")
    parser.add_argument("--load-readers", type=int, default=50, metavar="N", help="how many these are (default 50)")
    parser.add_argument("--readers", type=int, default=2, metavar="N", help="readers at once otherwise (default 2)")
    parser.add_argument("--api-calls", type=int, default=2000, metavar="N", help="size of the sample (default 2000)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases with this text in their name")
    parser.add_argument(
        "--stock",
        nargs="?",
        const="",
        metavar="TEXT",
        help="measure dbt's own materializations as well, in cases with this text in their name",
    )
    parser.add_argument("--without-tests", action="store_true", help="build models and seeds only")
    parser.add_argument("--quick", action="store_true", help="few repetitions, and without tests: about two minutes")
    options = parser.parse_args(arguments)
    if options.quick:
        vars(options).update(QUICK)
    return options


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    cases = _cases(options)
    is_good = True
    with tempfile.TemporaryDirectory(prefix="leadgen-availability-") as name:
        folder = Path(name)
        data_dir = folder / "postgres"
        try:
            server = embedded_postgres.start(data_dir, durable=False)
            with closing(psycopg2.connect(server.dsn("postgres"))) as connection, connection:
                connection.cursor().execute(CREATE_READER)
            projects = {"this project": Project(folder / "here", server, options)}
            if options.stock is not None:
                projects["stock dbt"] = Project(folder / "stock", server, options)
                projects["stock dbt"].use_stock_materializations()
            _print_row(HEADER)
            _print_row(["---"] * len(HEADER))
            for (name, case), (side, project) in itertools.product(cases.items(), projects.items()):
                if side == "stock dbt" and options.stock not in name:
                    continue
                seen = _observe(project, case)
                _print_row(_cells(name, side, seen))
                if side == "this project" and not seen.is_good:
                    is_good = False
                    print(f"{seen.failed_builds} builds failed", *sorted(seen.errors), sep="\n", file=sys.stderr)
        finally:
            embedded_postgres.stop(data_dir)
    return 0 if is_good else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the server is ended, too
    try:
        sys.exit(main())
    except UserFacingError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
