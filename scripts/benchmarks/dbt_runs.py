"""dbt commands as a user gives them: a process of its own, timed from start to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from embedded_postgres import REPOSITORY, Server
from own_database import environment_without_database

from benchmarks import source
from benchmarks.timing import BusySessions, ServerMemory

APPLICATION_NAME = "leadgen_analytics"  # as in profiles/profiles.yml
STORED = ("incremental", "table")


@dataclass(frozen=True)
class Run:
    """What a dbt command took, of it with a statement at work in PostgreSQL, and of it with a rollup being built.

    `rollup_seconds` is None when no model is stored. `outcome` is passed, failed or stopped (at the limit).
    """

    command: str
    seconds: float
    postgres_seconds: float
    outcome: str
    rollup_seconds: float | None = None
    memory_peak_bytes: int | None = None
    output: str = field(default="", repr=False)

    def as_json(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "output"}


class Dbt:
    """dbt on this project and a database of the server, with a target folder of its own."""

    def __init__(self, server: Server, database: str, folder: Path, limit_seconds: float):
        self._environment = {**environment_without_database(), **server.environment(database)}
        self._server, self._dsn = server, server.dsn(database)
        self._target, self._limit = folder / "target", limit_seconds

    def run(self, *arguments: str, with_memory: bool = False) -> Run:
        """Run a command to its end, or to the limit."""
        program = Path(sys.executable).parent / "dbt"
        places = ["--project-dir", REPOSITORY, "--profiles-dir", REPOSITORY / "profiles"]
        places += ["--target-path", self._target, "--log-path", self._target, "--no-use-colors"]
        with ExitStack() as stack:
            sessions = stack.enter_context(BusySessions(self._dsn, APPLICATION_NAME))
            memory = stack.enter_context(ServerMemory(self._server.data_dir)) if with_memory else None
            started = time.perf_counter()
            outcome, output = self._execute([str(program), *arguments, *map(str, places)])
            seconds = time.perf_counter() - started
        return Run(
            command=" ".join(["dbt", *arguments]),
            seconds=seconds,
            postgres_seconds=sessions.seconds,
            outcome=outcome,
            rollup_seconds=self._rollup_seconds() if outcome == "passed" else None,
            memory_peak_bytes=memory.peak_bytes if memory else None,
            output=output,
        )

    def manifest(self) -> dict:
        """What dbt knew of the project in the last run."""
        return json.loads((self._target / "manifest.json").read_text())

    def _execute(self, command: list[str]) -> tuple[str, str]:
        with subprocess.Popen(
            command,
            env=self._environment,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=self._limit)
                return "failed" if process.returncode else "passed", output
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)
                self._end_sessions()
                if isinstance(error, subprocess.TimeoutExpired):
                    return "stopped", process.communicate()[0]
                raise

    def _end_sessions(self) -> None:
        """A statement goes on when its client is gone."""
        with source.connect(self._dsn) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s",
                (APPLICATION_NAME,),
            )

    def _rollup_seconds(self) -> float | None:
        """The time in which at least one stored model was being built."""
        nodes = self.manifest()["nodes"]
        results = json.loads((self._target / "run_results.json").read_text())["results"]
        spans = sorted(
            (_time(step["started_at"]), _time(step["completed_at"]))
            for result in results
            for step in result["timing"]
            if step["name"] == "execute"
            and nodes.get(result["unique_id"], {}).get("resource_type") == "model"
            and nodes[result["unique_id"]]["config"]["materialized"] in STORED
        )
        return _covered(spans) if spans else None


def _time(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _covered(spans: list[tuple[float, float]]) -> float:
    """The length of the union of these spans, which are in order of their start."""
    total, reached = 0.0, spans[0][0]
    for start, end in spans:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
