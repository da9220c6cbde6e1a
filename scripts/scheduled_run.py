"""Build and test the marts unattended, and write down in the database what came of it.

For cron, a systemd timer or CI: ready files are in scripts/schedule/ and .github/workflows/. One run at a time in a
database. It waits for a server that is starting, checks how fresh the sources are, runs `dbt build`, runs again what
failed for a reason that may pass, and ends with one line. The schema analytics_audit has the history: last_runs,
run_health, failing_tests, rows_in_error, slowest_models. Logs and artifacts are in logs/scheduled/, a folder for each
run.

The database is named as for ./scripts/run: DATABASE_URL or the PG* variables, else the embedded server. With
ALERT_WEBHOOK_URL set, that address is sent {"text": ...} when runs begin to fail, and when they are well again.

Exit code: 0 all built and tested, 1 something failed (the last line says what), 2 wrong usage, 75 another run is at
work, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import signal
import socket
import stat
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import own_database
from embedded_postgres import REPOSITORY, SAMPLE_DATABASE
from errors import UserFacingError
from run import one_run_at_a_time, start_with_sample, use_own_database
from scheduling.folders import Memory, new_folder
from scheduling.lock import Held, RunLock
from scheduling.redaction import Redactor, parts_of_url
from scheduling.run_log import Alert, NodeResult, RunLog
from scheduling.transient import may_pass
from scheduling.webhook import Webhook

LOGS = REPOSITORY / "logs" / "scheduled"
MEMORY = LOGS / "memory.json"
TARGET = REPOSITORY / "target" / "scheduled"
WEBHOOK_VARIABLE = "ALERT_WEBHOOK_URL"
BUSY = 75  # EX_TEMPFAIL of sysexits.h
BACKOFF = 3  # each pause is so many times the one before
ALERTING_SECONDS = 30


class Output:
    """What the run says: printed, and kept in the run's folder. A quiet one prints nothing unless the run fails."""

    def __init__(self, is_quiet: bool):
        self.redactor = Redactor()
        self._stream = sys.stdout
        self._is_quiet = is_quiet
        self._lines: list[str] = []
        self._file: Path | None = None

    def say(self, text: str) -> None:
        for line in self.redactor.hide_secrets(text).splitlines():
            self._lines.append(line)
            if not self._is_quiet:
                # Not to what redirect_stdout may have put in its place.
                print(line, file=self._stream, flush=True)
            self._keep(line)

    def write_to(self, file: Path) -> None:
        """Keep every line in this file, from the first one on."""
        self._file = file
        for line in self._lines:
            self._keep(line)

    def trace(self) -> None:
        """Keep the trace of the exception at hand, for whoever mends this program."""
        for line in self.redactor.hide_secrets(traceback.format_exc()).splitlines():
            self._keep(line)

    def close(self, is_good: bool) -> None:
        if self._is_quiet and not is_good:
            print("\n".join(self._lines), flush=True)

    def _keep(self, line: str) -> None:
        if self._file:
            with open(self._file, "a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%H:%M:%S')} {line}\n")


class Run:
    """One scheduled run, from the connection to the alert."""

    def __init__(self, options: argparse.Namespace, output: Output):
        self.options = options
        self.output = output
        self.run_id = str(uuid.uuid4())
        self.started = time.monotonic()
        self.memory = Memory.read(MEMORY)
        # Taken out of the environment, so that dbt and the project's macros cannot pass it on.
        url = os.environ.pop(WEBHOOK_VARIABLE, "").strip()
        self.webhook = Webhook(url) if url else None
        self.secrets = [os.environ.get(name, "") for name in ("DATABASE_URL", "PGPASSWORD")]
        self.secrets += parts_of_url(url) if url else []
        self.output.redactor = Redactor(self.secrets)
        self.attempts = 0
        self.results: dict[str, NodeResult] = {}
        self.error: str | None = None

    def execute(self) -> int:
        """Do it all; returns the exit code. Raises Held, and KeyboardInterrupt before there is a log to write it to."""
        try:
            dsn = self._reach_database()
            self.lock, self.log = RunLock(dsn), RunLog(dsn, self.options.wait)
            server_pid = self._when_it_answers(self.lock.acquire)
            with one_run_at_a_time(waits=False):
                self.folder = new_folder(LOGS, self.run_id, self.options.keep)
                self.output.write_to(self.folder / "run.log")
                self.output.say(self.place)
                self._begin(server_pid)
                return self._build_and_record()
        except BlockingIOError:
            raise Held("Another run is at work in this folder.") from None
        except Held:
            raise
        except UserFacingError as error:
            return self._cannot_be_recorded(str(error))
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

    def _begin(self, server_pid: int) -> None:
        self.log.create()
        self._record_what_could_not_be()
        selector = {"selector": self.options.selector} if self.options.selector else {}
        self.log.start(self.run_id, {"server_pid": server_pid, "host": socket.gethostname(), **selector})

    def _look_back(self) -> None:
        """Say if the run before was killed, and tell what was not told then."""
        before = self.log.run_before(self.run_id)
        if before and before.line is None:
            when = f"{before.started_at:%Y-%m-%d %H:%M} UTC"
            text = f"The run of {when} did not finish: it was killed, or has lost the database"
            self.output.say(text)
            self._tell("failing", text, before.run_id)
        elif before and before.status != "ok":
            self._tell("failing", before.line, before.run_id)
        else:
            self._tell(None)

    def _build_and_record(self) -> int:
        """Build, and write down how it ended, whatever happens."""
        try:
            self._look_back()
            self._build()
            status = "failed" if self.error or self._failed() else "ok"
            line = self._summary(status)
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
            status, line = "failed", f"failed after {self._seconds():.0f} s: {reason} (see {self._place()}/run.log)"
        line = self.output.redactor.hide_secrets(line)
        recorded = self._record_end(status, line)
        self.output.say(line if recorded is None else f"{line}. {recorded}")
        return {"ok": 0, "failed": 1, "interrupted": 130}[status] if recorded is None else 1

    def _build(self) -> None:
        # dbt takes a second or two to load: after what can fail at once.
        from scheduling.builds import Builds, DbtError

        notes: set[str] = set()

        def note(text: str) -> None:
            if text not in notes:
                notes.add(text)
                self.output.say(f"  {text}")

        dbt = Builds(TARGET, self.folder, self.output.redactor, note)
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
            can_retry = outcome and not outcome.error and all(node.node_type != "operation" for node in outcome.failed)
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
        self.results.update({node.node_id: node for node in results})
        self.log.nodes(self.run_id, attempt, results)

    def _failed(self) -> list[NodeResult]:
        from scheduling.builds import BAD

        return [node for node in self.results.values() if node.status in BAD]

    def _counts(self) -> dict[str, int]:
        from scheduling.builds import BAD, NOT_REACHED, STALE

        nodes = [node for node in self.results.values() if node.node_type not in ("operation", "source")]
        reached = [node for node in nodes if node.status != NOT_REACHED]
        tests = [node for node in reached if node.node_type in ("test", "unit_test")]
        built = [node for node in reached if node not in tests and node.status not in BAD]
        sources = [node for node in self.results.values() if node.node_type == "source"]
        return {
            "models": len(built),
            "tests": len(tests),
            "warnings": sum(node.status == "warn" for node in reached),
            "failed": len(self._failed()),
            "skipped": len(nodes) - len(reached),
            "stale_sources": sum(node.status in STALE for node in sources),
        }

    def _summary(self, status: str) -> str:
        """The line that the run ends with."""
        counts, seconds = self._counts(), f"{self._seconds():.0f} s"
        built = f"{_count(counts['models'], 'model')} built, {_count(counts['tests'], 'test')} run"
        extras = [
            f"{_count(counts['warnings'], 'warning')}" if counts["warnings"] else "",
            f"{_count(counts['stale_sources'], 'source')} stale" if counts["stale_sources"] else "",
            f"{self.attempts} attempts" if self.attempts > 1 else "",
        ]
        extent = ", ".join([built, *filter(None, extras)])
        if status == "ok":
            return f"ok: {extent}, in {seconds}"
        failed = self._failed()
        if not failed:
            return f"failed after {seconds}: {self.error}"
        skipped = f", {counts['skipped']} not reached" if counts["skipped"] else ""
        node = failed[0]
        first = f"first {node.node_type.replace('_', ' ')} {node.name}: {node.message or node.status}"
        return f"failed: {counts['failed']} failed{skipped}, {extent}, in {seconds}; {first}"

    def _record_end(self, status: str, line: str) -> str | None:
        """Write the end down and tell a change of state; returns why it could not be written, or None."""
        try:
            self.log.end(self.run_id, status, self._seconds(), self.attempts, line, self._counts())
            self._tell("ok" if status == "ok" else "failing", line, self.run_id)
        except UserFacingError as error:
            self._tell_without_log(f"{line}. {error}")
            return str(error)
        return None

    def _tell(self, state: str | None, text: str = "", run_id: str = "") -> None:
        """Tell the webhook if `state` is another than was told last, and what could not be told before."""
        if self.webhook is None:
            return
        if state and state != self.log.last_alert_state():
            self.log.alert(Alert(run_id, state, self._alert_text(state, text, f"{self.log.now():%Y-%m-%d %H:%M} UTC")))
        deadline = time.monotonic() + ALERTING_SECONDS
        for alert in self.log.undelivered():
            reason = self.webhook.post(alert.text, f"{alert.run_id}-{alert.state}")
            if reason:
                self.output.say(f"The alert was not delivered: {reason}. The next run tries again.")
                break
            self.log.delivered(alert)
            self.memory.told = alert.state
            if time.monotonic() > deadline:
                break
        else:
            self.memory.told = self.log.last_alert_state()
        self.memory.write(MEMORY)

    def _tell_without_log(self, line: str) -> None:
        """Tell that runs are failing while nothing can be recorded, unless this machine has told so before."""
        if self.webhook and self.memory.told != "failing":
            text = self._alert_text("failing", line, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))
            reason = self.webhook.post(text, f"{self.run_id}-failing")
            if reason:
                self.output.say(f"The alert was not delivered: {reason}. The next run tries again.")
            else:
                self.memory.told = "failing"
                self.memory.told_unrecorded = {"run_id": self.run_id, "text": text}
        self.memory.write(MEMORY)

    def _alert_text(self, state: str, text: str, when: str) -> str:
        database = os.environ.get("PGDATABASE", SAMPLE_DATABASE)
        opening = "runs are failing" if state == "failing" else "runs are well again"
        place = f"{when}, {socket.gethostname()}"
        return self.output.redactor.hide_secrets(f"Marts of {database}: {opening}. {place}: {text}")

    def _cannot_be_recorded(self, line: str) -> int:
        """The database is out of reach, and the log with it: remember the run for later, and tell it now."""
        line = self.output.redactor.hide_secrets(line)
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        self.memory.unrecorded.append({"run_id": self.run_id, "line": f"{when} by this machine's clock: {line}"})
        self._tell_without_log(line)
        self.output.say(f"failed: {line}")
        return 1

    def _record_what_could_not_be(self) -> None:
        """Write down what happened while no database could be reached, now that there is one."""
        for run in self.memory.unrecorded:
            self.log.start(run["run_id"], {"host": socket.gethostname()})
            self.log.end(run["run_id"], "failed", 0, 0, run["line"], {})
        told = self.memory.told_unrecorded
        if told and self.log.last_alert_state() == "ok":
            alert = Alert(told["run_id"], "failing", told["text"])
            self.log.alert(alert)
            self.log.delivered(alert)
        self.memory.unrecorded, self.memory.told_unrecorded = [], None
        self.memory.write(MEMORY)

    def _seconds(self) -> float:
        return time.monotonic() - self.started

    def _place(self) -> Path:
        return self.folder.relative_to(REPOSITORY)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _read_environment(path: Path) -> dict[str, str]:
    """The variables of a file with lines NAME=value, as systemd reads them; quotes around a value are taken off."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise UserFacingError(f"Others may read {path}, which holds a password: run chmod 600 {path}")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UserFacingError(f"{path} cannot be read: {reason}") from error
    variables = {}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith(("#", ";")):
            continue
        match = re.fullmatch(r"(?:export\s+)?([A-Za-z_]\w*)=(.*)", line)
        if not match:
            raise UserFacingError(f"{path}, line {number}: not of the form NAME=value")
        name, value = match[1], match[2].strip()
        is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        variables[name] = value[1:-1] if is_quoted else value
    return variables


def _options(arguments: list[str] | None) -> argparse.Namespace:
    def number(least: float, kind: type = float) -> Callable:
        def read(text: str):
            value = kind(text)
            if not least <= value < 1e6:
                raise ValueError
            return value

        read.__name__ = f"number from {least:g}"
        return read

    parser = argparse.ArgumentParser(
        prog="./scripts/scheduled_run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environment", type=Path, metavar="FILE", help="of NAME=value lines, read first")
    parser.add_argument("--selector", metavar="NAME", help="of selectors.yml, such as everything (default: scheduled)")
    parser.add_argument("--wait", type=number(0), default=120, metavar="S", help="for a server to answer (default 120)")
    parser.add_argument("--attempts", type=number(1, int), default=3, metavar="N", help="at most (default 3)")
    parser.add_argument("--pause", type=number(0), default=15, metavar="S", help="before the second (default 15)")
    parser.add_argument("--keep", type=number(1, int), default=20, metavar="N", help="folders of runs (default 20)")
    parser.add_argument("--quiet", action="store_true", help="print nothing unless the run fails")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    os.chdir(REPOSITORY)
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.default_int_handler)
    output = Output(options.quiet)
    status = 1
    try:
        if options.environment:
            os.environ.update(_read_environment(options.environment.expanduser()))
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
