"""dbt's part of a scheduled run: freshness, build and retry in this process, with the results that dbt writes down."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg
from dbt_progress import QUIET, first_line, lost_lines_told
from errors import reason_of
from garbage import collect_seldom

from scheduling.output import Output
from scheduling.results import BAD, STALE, TESTS, NodeResult
from scheduling.transient import may_pass


@dataclass(frozen=True)
class Outcome:
    """What came of one call of dbt. `error` is set if dbt itself ended early, and then there may be no results.

    `is_kept` says whether the results are in the run's folder, from which dbt can go on.
    """

    results: list[NodeResult] = field(default_factory=list)
    error: str | None = None
    may_pass: bool = False
    is_kept: bool = False

    @property
    def is_good(self) -> bool:
        return self.error is None and not self.failed

    @property
    def failed(self) -> list[NodeResult]:
        """Nodes that failed, the one that began first at the head."""
        return [node for node in self.results if node.status in BAD]


class DbtError(Exception):
    """dbt could not do what it was called for; the message is redacted."""


class Builds:
    """dbt on the project in the working directory, with target and log folders of its own.

    `target` is kept from run to run, so that dbt need not parse everything again; results are copied to `folder`.
    """

    def __init__(self, target: Path, folder: Path, output: Output, on_note: Callable[[str], None]):
        collect_seldom()
        self._target, self._folder = target, folder
        self._output, self._redactor = output, output.redactor
        self._on_note = on_note
        self._attempts = 0
        self._manifest: Manifest | None = None

    def parse(self) -> None:
        """Read the project; raises DbtError if dbt cannot."""
        result, error = self._invoke(["parse"])
        if error:
            raise DbtError(self._redactor.message(first_line(error)))
        self._manifest = result

    @property
    def checks_freshness(self) -> bool:
        """Whether the project says how old any of its sources may be."""
        return any(source.has_freshness for source in self._manifest.sources.values())

    def freshness(self) -> Outcome:
        """Compare the age of each source with its limit."""
        return self._outcome(["source", "freshness"], "sources.json", self._folder)

    def build(self, selector: str | None) -> Outcome:
        """Build and test what the selector names."""
        return self._attempt(["build", *(["--selector", selector] if selector else [])])

    def retry(self) -> Outcome:
        """Build and test again what failed in the attempt before, and what was not reached because of that."""
        return self._attempt(["retry", "--state", str(self._attempt_folder())])

    def _attempt(self, command: list[str]) -> Outcome:
        self._attempts += 1
        return self._outcome(command, "run_results.json", self._attempt_folder())

    def _attempt_folder(self) -> Path:
        return self._folder.absolute() / f"attempt-{self._attempts}"

    def _outcome(self, command: list[str], artifact: str, folder: Path) -> Outcome:
        written = self._target / artifact
        # So that what is there afterwards is of this call, and of no other.
        written.unlink(missing_ok=True)
        _, error = self._invoke(command)
        results, is_kept = [], False
        if written.exists():
            try:
                results = json.loads(written.read_text(encoding="utf-8"))["results"]
                folder.mkdir(exist_ok=True)
                shutil.copyfile(written, folder / artifact)
                is_kept = True
            except ValueError:  # cut off, where the disk was full
                error = error or "dbt's results cannot be read"
            except OSError as error_of_disk:
                self._output.warn(f"The results of dbt are not kept: {reason_of(error_of_disk)}")
        return Outcome(
            results=[self._node_result(result) for result in sorted(results, key=_started_at)],
            error=self._redactor.message(first_line(error)) if error else None,
            may_pass=may_pass(error) or any(may_pass(_text(result)) for result in results if result["status"] in BAD),
            is_kept=is_kept,
        )

    def _invoke(self, command: list[str]) -> tuple[Manifest | None, str | None]:
        """Call dbt; returns its result, and the message of the error that ended it early."""
        places = ["--target-path", str(self._target), "--log-path", str(self._folder), "--log-level-file", "debug"]
        runner = dbtRunner(self._manifest, callbacks=[self._on_event])
        with lost_lines_told(self._output.lose_line):
            result = runner.invoke([*command, *QUIET, *places])
        if isinstance(result.exception, KeyboardInterrupt):
            raise result.exception
        if result.exception:
            error = result.exception
            if isinstance(error, OSError):
                return None, f"dbt cannot write its files: {reason_of(error)}"
            return None, getattr(error, "msg", None) or str(error) or type(error).__name__
        return result.result, None

    def _on_event(self, event: EventMsg) -> None:
        if event.info.name in ("JinjaLogInfo", "JinjaLogWarning"):
            self._on_note(event.data.msg)

    def _node_result(self, result: dict) -> NodeResult:
        node_id, status = result["unique_id"], result["status"]
        message = first_line(_text(result)) if status in STALE and _text(result) else None
        rows_affected = (result.get("adapter_response") or {}).get("rows_affected")
        return NodeResult(
            node_id=node_id,
            name=self._name(node_id),
            status=status,
            seconds=result.get("execution_time") or 0,
            failures=result.get("failures") if node_id.partition(".")[0] in TESTS else None,
            rows_affected=rows_affected if isinstance(rows_affected, int) and rows_affected >= 0 else None,
            message=self._redactor.message(message) if message else _age(result),
        )

    def _name(self, node_id: str) -> str:
        lookups = (self._manifest.nodes, self._manifest.sources, self._manifest.unit_tests)
        for node in (nodes[node_id] for nodes in lookups if node_id in nodes):
            return f"{node.source_name}.{node.name}" if node_id.startswith("source.") else node.name
        return node_id.split(".", 2)[-1]


def _text(result: dict) -> str:
    """What dbt says of a node; of a source whose age could not be told, under another name."""
    return result.get("message") or result.get("error") or ""


def _started_at(result: dict) -> str:
    """ISO 8601, which sorts as text; what never began comes last."""
    return min((timing["started_at"] for timing in result.get("timing", []) if timing.get("started_at")), default="~")


def _age(result: dict) -> str | None:
    """How old a source is, for one that is too old."""
    seconds = result.get("max_loaded_at_time_ago_in_s")
    if result["status"] not in STALE or seconds is None:
        return None
    # dbt's way to say that there is no row with a time
    return "no row with a time" if result["max_loaded_at"].startswith("0001-01-01") else f"{seconds / 3600:.0f} h old"
