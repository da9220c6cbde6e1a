"""How long something takes, and what the server does meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import psycopg2

SESSION_INTERVAL_SECONDS = 0.02
MEMORY_INTERVAL_SECONDS = 0.1


class TookTooLongError(Exception):
    """A statement was stopped because it took longer than the limit."""


@dataclass(frozen=True)
class Timing:
    """Seconds, once for each repetition. With `is_stopped`, the limit at which the only repetition was stopped."""

    seconds: tuple[float, ...]
    is_stopped: bool = False

    @property
    def p50(self) -> float:
        return float(np.percentile(self.seconds, 50))

    @property
    def p95(self) -> float:
        return float(np.percentile(self.seconds, 95))

    def as_json(self) -> dict:
        return {"p50_s": self.p50, "p95_s": self.p95, "seconds": self.seconds, "is_stopped": self.is_stopped}


@dataclass(frozen=True)
class Patience:
    """How often to repeat a panel, for how long in all, and when to give up on one statement or dbt command."""

    repetitions: int
    panel_seconds: float
    limit_seconds: float


def time_warm(run: Callable[[], list], patience: Patience) -> tuple[Timing, list]:
    """Run once to warm up, then repeatedly. Returns the timing and the answer (empty if it was stopped).

    Where the first run alone uses up the panel's time, it is the only one.
    """
    try:
        first, answer = timed(run)
        if first > patience.panel_seconds:
            return Timing((first,)), answer
        seconds: list[float] = []
        while len(seconds) < patience.repetitions and sum(seconds) < patience.panel_seconds:
            seconds.append(timed(run)[0])
        return Timing(tuple(seconds)), answer
    except TookTooLongError:
        return Timing((patience.limit_seconds,), is_stopped=True), []


def timed(run: Callable[[], list]) -> tuple[float, list]:
    started = time.perf_counter()
    answer = run()
    return time.perf_counter() - started, answer


class _Sampler:
    """Calls `_sample` at an interval, in a thread, for as long as its `with` block lasts."""

    interval_seconds: float

    def __enter__(self):
        self._ended, self._error = threading.Event(), None
        self._thread = threading.Thread(target=self._run_safely, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, *_) -> None:
        self._ended.set()
        self._thread.join()
        if self._error and not kind:
            raise self._error

    def _run_safely(self) -> None:
        try:
            self._run()
        except Exception as error:
            self._error = error

    def _run(self) -> None:
        while not self._ended.wait(self.interval_seconds):
            self._sample()

    def _sample(self) -> None:
        raise NotImplementedError


class BusySessions(_Sampler):
    """Adds up the time in which at least one session of an application was executing a statement.

    That is what PostgreSQL contributes to the wall time of a dbt command: statements that run side by side count
    once, and the time in which all sessions wait for dbt does not count.
    """

    interval_seconds = SESSION_INTERVAL_SECONDS

    def __init__(self, dsn: str, application_name: str):
        self._dsn, self._application_name = dsn, application_name
        self.seconds = 0.0

    def _run(self) -> None:
        with closing(psycopg2.connect(self._dsn)) as connection:
            connection.autocommit = True
            self._cursor = connection.cursor()
            self._last = time.perf_counter()
            super()._run()

    def _sample(self) -> None:
        self._cursor.execute(
            "select exists (select from pg_stat_activity where application_name = %s and state = 'active')",
            (self._application_name,),
        )
        now = time.perf_counter()
        if self._cursor.fetchone()[0]:
            self.seconds += now - self._last
        self._last = now


class ServerMemory(_Sampler):
    """The peak of the memory of a server's processes, shared memory counted once."""

    interval_seconds = MEMORY_INTERVAL_SECONDS

    def __init__(self, data_dir: Path):
        pid = int((data_dir / "pgdata" / "postmaster.pid").read_text().splitlines()[0])
        self._postmaster = psutil.Process(pid)
        self.peak_bytes = 0

    def _sample(self) -> None:
        total = 0
        for process in [self._postmaster, *self._postmaster.children(recursive=True)]:
            try:
                memory = process.memory_full_info()
            except psutil.Error:
                continue  # it ended in between
            # Linux shares the shared pages out among the processes (PSS); elsewhere only private memory is known.
            total += getattr(memory, "pss", memory.uss)
        self.peak_bytes = max(self.peak_bytes, total)
