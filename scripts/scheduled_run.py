"""Build and test the marts unattended, and write down in the database what came of it.

For cron, a systemd timer or CI: ready files are in scripts/schedule/ and .github/workflows/. One run at a time in a
database. It waits for a server that is starting, checks how fresh the sources are, runs `dbt build`, runs again what
failed for a reason that may pass, and ends with one line. The schema analytics_audit has the history: last_runs,
run_health, failing_tests, rows_in_error, slowest_models. Logs and artifacts are in logs/scheduled/, a folder for each
run.

The database is named as for ./scripts/run: DATABASE_URL or the PG* variables, else the embedded server. With
ALERT_WEBHOOK_URL set, that address is sent {"text": ...} when runs begin to fail, when another run has kept them out
for three hours, and when they are well again; and of the business what has changed since the run before: budgets beyond
their alert, services that are degraded or down, the price of a qualified lead, money that cannot be read. The variables
business_alerts, alert_cost_per_qualified_lead_usd and boards_address say which, and where the boards are.

Exit code: 0 all built and tested, 1 something failed (the last line says what), 2 wrong usage, 75 another run is at
work, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from pathlib import Path

import own_database
import yaml
from embedded_postgres import REPOSITORY, SAMPLE_DATABASE
from errors import UserFacingError, disk_error
from run import one_run_at_a_time, start_with_sample, use_own_database
from scheduling.alerts import Alerts
from scheduling.folders import check_room, new_folder
from scheduling.lock import Held, RunLock
from scheduling.options import parse, read_environment
from scheduling.output import Output
from scheduling.redaction import Redactor, parts_of_url
from scheduling.results import NodeResult, Results
from scheduling.run_log import RunLog
from scheduling.transient import may_pass
from scheduling.webhook import Webhook

LOGS = REPOSITORY / "logs" / "scheduled"
TARGET = REPOSITORY / "target" / "scheduled"
WEBHOOK_VARIABLE = "ALERT_WEBHOOK_URL"
BUSY = 75  # EX_TEMPFAIL of sysexits.h
KEPT_OUT_SECONDS = 3 * 3600  # after which another run is thought to hang
BACKOFF = 3  # each pause is so many times the one before


class Run:
    """One scheduled run, from the connection to the alert."""

    def __init__(self, options: argparse.Namespace, output: Output):
        self.options = options
        self.output = output
        self.run_id = str(uuid.uuid4())
        self.started = time.monotonic()
        # Taken out of the environment, so that dbt and the project's macros cannot pass it on.
        url = os.environ.pop(WEBHOOK_VARIABLE, "").strip()
        self.alerts = Alerts(Webhook(url) if url else None, LOGS / "memory.json", output)
        self.secrets = [os.environ.get(name, "") for name in ("DATABASE_URL", "PGPASSWORD")]
        self.secrets += parts_of_url(url) if url else []
        self.output.redactor = Redactor(self.secrets)
        self.attempts = 0
        self.results = Results()
        self.error: str | None = None

    def execute(self) -> int:
        """Do it all; returns the exit code. Raises Held, and KeyboardInterrupt before there is a log to write it to."""
        try:
            dsn = self._reach_database()
            self.lock, self.log = RunLock(dsn), RunLog(dsn, self.options.wait)
            self._when_it_answers(self.log.create)
            server_pid = self._when_it_answers(self.lock.acquire)
            with one_run_at_a_time(waits=False), ExitStack() as spare_folders:
                self._find_room(spare_folders)
                self.output.say(self.place)
                self._begin(server_pid)
                return self._build_and_record()
        except BlockingIOError:
            raise Held("Another run is at work in this folder.") from None
        except Held as held:
            if held.seconds > KEPT_OUT_SECONDS:
                line = f"kept out for {held.seconds / 3600:.0f} h. {held} If it hangs, end it there."
                self.alerts.tell(self.log, "failing", line, self.run_id)
            raise
        except UserFacingError as error:
            # The database is out of reach, and its log with it.
            line = self.output.redactor.hide_secrets(str(error))
            self.alerts.remember(line, self.run_id)
            self.output.say(f"failed: {line}")
            return 1
        finally:
            if hasattr(self, "lock"):
                self.lock.release()

    def _reach_database(self) -> str:
        """Connect, waiting for a server that is starting; returns what psycopg2 needs, "" for the environment."""
        is_own = own_database.is_named(os.environ)
        with redirect_stdout(io.StringIO()) as said:
            server = self._when_it_answers(use_own_database if is_own else start_with_sample)
        password = os.environ.get("PGPASSWORD", "") if is_own else server.password
        self.output.redactor = Redactor([*self.secrets, password])
        self.place = said.getvalue()
        return "" if is_own else server.dsn(SAMPLE_DATABASE)

    def _when_it_answers(self, connect: Callable):
        """What `connect` returns, called again while it fails for a reason that may pass, up to the limit.

        Raises Held as it is, and any other error as a UserFacingError.
        """
        deadline = time.monotonic() + self.options.wait
        is_told = False
        while True:
            try:
                return connect()
            except Held:
                raise
            except Exception as error:
                # own_database puts the server's message into words of its own
                line = str(error).strip().partition("\n")[0]
                if not may_pass(f"{error} {error.__cause__}"):
                    raise UserFacingError(line) from error
                if time.monotonic() >= deadline:
                    raise UserFacingError(f"{line} Given up after {self.options.wait:g} s.") from error
                if not is_told:
                    is_told = True
                    self.output.say(f"Waiting up to {self.options.wait:g} s for the server: {line}")
            time.sleep(1)

    def _find_room(self, spare_folders: ExitStack) -> None:
        """Folders for the log and for what dbt writes: where there is no room, others that go with the run."""
        self.target, self.no_room = TARGET, None
        try:
            self.folder = new_folder(LOGS, self.run_id, self.options.keep)
            self.output.write_to(self.folder / "run.log")
        except OSError as error:
            self.output.warn(f"No log of this run is kept: {disk_error(error)}")
            self.folder = self._spare_folder(spare_folders)
        try:
            check_room(TARGET)
        except OSError as error:
            self.output.warn(f"dbt's files are not kept for the next run: {disk_error(error)}")
            self.target = self._spare_folder(spare_folders)

    def _spare_folder(self, spare_folders: ExitStack) -> Path | None:
        try:
            made = tempfile.TemporaryDirectory(prefix="leadgen-run-", ignore_cleanup_errors=True)
            folder = Path(spare_folders.enter_context(made))
            check_room(folder)
            return folder
        except OSError as error:
            self.no_room = f"no room for dbt's files, nor in {disk_error(error)}"
            return None

    def _begin(self, server_pid: int) -> None:
        self.alerts.record_what_could_not_be(self.log)
        selector = {"selector": self.options.selector} if self.options.selector else {}
        self.log.start(self.run_id, {"server_pid": server_pid, "host": socket.gethostname(), **selector})

    def _look_back(self) -> None:
        """Say if the run before was killed, and tell what was not told then."""
        before = self.log.run_before(self.run_id)
        if before and before.line is None:
            when = f"{before.started_at:%Y-%m-%d %H:%M} UTC"
            text = f"The run of {when} did not finish: it was killed, or has lost the database"
            self.output.say(text)
            self.alerts.tell(self.log, "failing", text, before.run_id)
        elif before and before.status != "ok":
            self.alerts.tell(self.log, "failing", before.line, before.run_id)
        else:
            self.alerts.tell_what_is_due(self.log)

    def _build_and_record(self) -> int:
        """Build, and write down how it ended, whatever happens."""
        try:
            self._look_back()
            self._build()
            status = "failed" if self.error or self.results.failed else "ok"
            line = self.results.summary(self.error, self.attempts, self._seconds())
        except KeyboardInterrupt:
            # What follows takes a moment, and whoever interrupts twice wants no less to know how it ended.
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
            status, line = "interrupted", f"interrupted after {self._seconds():.0f} s"
        except UserFacingError as error:
            status, line = "failed", f"failed after {self._seconds():.0f} s: {error}"
        except Exception as error:
            self.output.trace()
            reason = self.output.redactor.message(f"{type(error).__name__}: {error}")
            seen = "" if self.output.warnings else f" (see {self.folder}/run.log)"
            status, line = "failed", f"failed after {self._seconds():.0f} s: {reason}{seen}"
        line = self.output.redactor.hide_secrets("; ".join([line, *self.output.warnings]))
        recorded = self._record_end(status, line)
        self.output.say(line if recorded is None else f"{line}. {recorded}")
        return {"ok": 0, "failed": 1, "interrupted": 130}[status] if recorded is None else 1

    def _build(self) -> None:
        if self.no_room:
            raise UserFacingError(self.no_room)
        # dbt takes a second or two to load: after what can fail at once.
        from scheduling.builds import Builds, DbtError

        notes: set[str] = set()

        def note(text: str) -> None:
            if text not in notes:
                notes.add(text)
                self.output.say(f"  {text}")

        dbt = Builds(self.target, self.folder, self.output, note)
        try:
            dbt.parse()
        except DbtError as error:
            self.error = str(error)
            return
        if dbt.checks_freshness:
            outcome = dbt.freshness()
            self._take(outcome.results, 0)
            if outcome.error:
                self.output.say(f"The freshness of the sources could not be checked: {outcome.error}")
        self._attempt_until_good(dbt)

    def _attempt_until_good(self, dbt) -> None:
        """Build; where something failed that may pass, wait a while and run again what failed."""
        self.output.say("Building and testing")
        pause = self.options.pause
        outcome = None
        while True:
            self.attempts += 1
            # dbt can go on from results only if it has come to an end, and not from a hook that failed.
            can_retry = outcome and outcome.is_kept and not outcome.error
            can_retry = can_retry and all(node.node_type != "operation" for node in outcome.failed)
            outcome = dbt.retry() if can_retry else dbt.build(self.options.selector)
            self.error = outcome.error
            self._take(outcome.results, self.attempts)
            if outcome.is_good or not outcome.may_pass or self.attempts == self.options.attempts:
                return
            what = f"{len(outcome.failed)} failed" if outcome.failed else outcome.error
            self.output.say(f"Attempt {self.attempts}: {what}, for a reason that may pass; again in {pause:g} s")
            time.sleep(pause)
            pause *= BACKOFF
            if not self.lock.is_held():
                # The server has been away, and another run may have begun meanwhile.
                self._when_it_answers(self.lock.acquire)

    def _take(self, results: list[NodeResult], attempt: int) -> None:
        self.results.add(results)
        self.log.nodes(self.run_id, attempt, results)

    def _record_end(self, status: str, line: str) -> str | None:
        """Write the end down and tell a change of state; returns why it could not be written, or None."""
        try:
            self.log.end(self.run_id, status, self._seconds(), self.attempts, line, self.results.counts())
            self.alerts.tell(self.log, "ok" if status == "ok" else "failing", line, self.run_id)
            if status != "interrupted":
                self.alerts.tell_business(self.log, project_variables(), self.run_id)
        except UserFacingError as error:
            self.alerts.tell_without_log(f"{line}. {error}", self.run_id)
            return str(error)
        return None

    def _seconds(self) -> float:
        return time.monotonic() - self.started


def project_variables() -> dict:
    return yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments, __doc__)
    os.chdir(REPOSITORY)
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.default_int_handler)
    output = Output(options.quiet)
    status = 1
    try:
        if options.environment:
            os.environ.update(read_environment(options.environment.expanduser()))
        status = Run(options, output).execute()
    except Held as error:
        print(error, file=sys.stderr)
        return BUSY
    except UserFacingError as error:
        print(f"Error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        status = 130
    output.close(is_good=status == 0)
    return status


if __name__ == "__main__":
    sys.exit(main())
