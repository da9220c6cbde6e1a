"""Run dbt in this process with little output: progress on one line, then what was built and what failed."""

from __future__ import annotations

import logging
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dbt.artifacts.schemas.results import NodeStatus, RunStatus, TestStatus
from dbt.artifacts.schemas.run import RunResult
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg
from errors import UserFacingError, disk_error, reason_of
from garbage import collect_seldom

QUIET = ["--log-level", "none", "--profiles-dir", ".", "--project-dir", "."]
LOGGED = ["--log-level-file", "debug"]  # which is else that of the terminal: none
BAD_STATUSES = (NodeStatus.Error, NodeStatus.Fail, NodeStatus.RuntimeErr)
PRINTED_FAILURES = 20
PRINTED_DETAIL_LINES = 15


@dataclass(frozen=True)
class Built:
    """What a build made: node counts by layer (`seeds` is one), and tests by outcome."""

    layers: Counter
    tests: Counter
    seconds: float


class Dbt:
    """dbt on the project in the working directory, which is parsed once for all commands."""

    def __init__(self):
        collect_seldom()
        self.manifest: Manifest = self._invoke(["parse"], Progress("Reading the project")).result

    def build(self) -> Built:
        """Build and test everything; raises UserFacingError, with every failure named, if anything failed."""
        started = time.monotonic()
        result = self._invoke(["build"], Progress("Building and testing"), self.manifest)
        nodes = [node for node in result.result if node.node.resource_type != "operation"]
        failures = [node for node in nodes if node.status in BAD_STATUSES]
        if failures:
            skipped = sum(node.status == RunStatus.Skipped for node in nodes)
            raise UserFacingError(_describe(failures, skipped))
        tests = [node for node in nodes if node.node.resource_type in ("test", "unit_test")]
        return Built(
            layers=Counter(_layer(node) for node in nodes if node not in tests),
            tests=Counter("warnings" if node.status == TestStatus.Warn else "passed" for node in tests),
            seconds=time.monotonic() - started,
        )

    def write_docs(self) -> None:
        """Write target/static_index.html, from the artifacts of the build before it."""
        self._invoke(["docs", "generate", "--static", "--no-compile"], Progress("Writing the docs"), self.manifest)

    def compiled_analyses(self) -> dict[str, str]:
        """The SQL of each analysis, by its name."""
        command = ["compile", "--select", "resource_type:analysis", "--no-write-json"]
        results = self._invoke(command, Progress("Reading the questions"), self.manifest).result
        return {result.node.name: result.node.compiled_code for result in results}

    def _invoke(self, command: list[str], progress: Progress, manifest: Manifest | None = None) -> dbtRunnerResult:
        try:
            with lost_lines_told(progress.on_lost_line):
                result = dbtRunner(manifest, callbacks=[progress.on_event]).invoke([*command, *QUIET, *LOGGED])
        finally:
            progress.close()
        if isinstance(result.exception, KeyboardInterrupt):
            raise result.exception
        if isinstance(result.exception, OSError):
            raise UserFacingError(f"dbt cannot write its files: {disk_error(result.exception)}")
        if result.exception:
            raise UserFacingError(first_line(getattr(result.exception, "msg", None) or str(result.exception)))
        return result


class Progress:
    """One line that counts finished nodes; where the output is no terminal, a line for every fifth of them.

    Also passes on what the project's own macros say, such as which source tables are missing.
    """

    def __init__(self, title: str):
        self.title = title
        self.terminal = sys.stdout.isatty()
        self.total = 0
        self.finished = 0
        self.has_lost_lines = False
        print(title, end="" if self.terminal else "\n", flush=True)

    def on_event(self, event: EventMsg) -> None:
        if event.info.name == "ConcurrencyLine":
            self.total = event.data.node_count
        elif event.info.name in ("JinjaLogInfo", "JinjaLogWarning"):
            self._print_note(event.data.msg)
        elif event.info.name == "NodeFinished":
            self.finished += 1
            self._show(event.data.node_info.node_name)

    def on_lost_line(self, error: BaseException) -> None:
        if not self.has_lost_lines:
            self._print_note(f"logs/dbt.log is not whole: {reason_of(error)}")
        self.has_lost_lines = True

    def close(self) -> None:
        if self.terminal:
            print(f"\r\033[K{self.title}: done", flush=True)

    def _show(self, name: str) -> None:
        if self.terminal:
            text = f"{self.title}: {self.finished} of {self.total}  {name}"
            print(f"\r\033[K{text[:100]}", end="", flush=True)
        elif self.total and self.finished * 5 // self.total > (self.finished - 1) * 5 // self.total:
            print(f"  {self.finished} of {self.total}", flush=True)

    def _print_note(self, text: str) -> None:
        note = textwrap.fill(text, 118, initial_indent="  ", subsequent_indent="    ")
        print(f"\r\033[K{note}" if self.terminal else note, flush=True)


@contextmanager
def lost_lines_told(tell: Callable[[BaseException], None]) -> Iterator[None]:
    """`tell` of each line of dbt's log that a full disk does not take; Python would print a trace for each."""
    handle_error = logging.FileHandler.handleError
    logging.FileHandler.handleError = lambda handler, record: tell(sys.exc_info()[1])
    try:
        yield
    finally:
        logging.FileHandler.handleError = handle_error


def _layer(result: RunResult) -> str:
    return "seeds" if result.node.resource_type == "seed" else result.node.fqn[1]


def _describe(failures: list[RunResult], skipped: int) -> str:
    lines = [f"{len(failures)} failed, {skipped} not run because of that. Full log: logs/dbt.log"]
    for failure in failures[:PRINTED_FAILURES]:
        lines.append(f"  {failure.node.resource_type} {failure.node.name}: {first_line(failure.message)}")
        if failure.status == TestStatus.Fail and failure.node.relation_name:
            lines.append(f"    failing rows: select * from {failure.node.relation_name}")
        else:
            lines += [f"    {line}" for line in _details(failure.message)]
    if len(failures) > PRINTED_FAILURES:
        lines.append(f"  and {len(failures) - PRINTED_FAILURES} more")
    return "\n".join(lines)


def _details(message: str) -> list[str]:
    """What follows the first line, without dbt's trace of the macros that were at work."""
    rest = message.partition(first_line(message))[2].splitlines()
    return [line.strip() for line in rest if line.strip() and not line.strip().startswith("> ")][:PRINTED_DETAIL_LINES]


def first_line(message: str | None) -> str:
    """The line that says what is wrong; dbt puts the place ("Database Error in model …") on a line before it."""
    lines = [line.strip() for line in (message or "").splitlines() if line.strip()]
    if len(lines) > 1 and (" Error in " in lines[0] or lines[0].endswith((" Error", "error:"))):
        return lines[1]
    return lines[0] if lines else "no message"
