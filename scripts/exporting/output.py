"""Where an export goes: a file that appears when it is complete, or standard output."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from errors import UserFacingError

STDOUT = "-"
ROWS_PER_UPDATE = 10_000


class Target:
    """`file` is what a writer writes to: binary. Standard output is written to directly, unless the format seeks."""

    def __init__(self, name: str, is_seeking: bool):
        self.is_stdout = name == STDOUT
        self.is_direct = self.is_stdout and not is_seeking
        if self.is_stdout and is_seeking and sys.stdout.isatty():
            raise UserFacingError("This format is not for a terminal: name a file with --output.")
        self.path = None if self.is_stdout else Path(name).absolute()
        if self.path and self.path.is_dir():
            raise UserFacingError(f"{self.path} is a folder: name a file with --output.")

    def __enter__(self) -> Target:
        if self.is_direct:
            self.file = sys.stdout.buffer
            return self
        folder, prefix = (self.path.parent, f".{self.path.name}.") if self.path else (None, None)
        try:
            # Private, as leads are personal data.
            handle, name = tempfile.mkstemp(dir=folder, prefix=prefix)
        except OSError as error:
            raise UserFacingError(f"Nothing can be written in {folder}: {error.strerror}.") from error
        self.temporary = Path(name)
        self.file = os.fdopen(handle, "wb")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        if self.is_direct:
            if not kind:
                self.file.flush()
            return
        try:
            self.file.close()
            if not kind and self.path:
                os.replace(self.temporary, self.path)
            elif not kind:
                with self.temporary.open("rb") as complete:
                    shutil.copyfileobj(complete, sys.stdout.buffer)
        except OSError as problem:
            error = problem
        finally:
            self.temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise UserFacingError(f"{self.path or 'The output'} cannot be written: {error.strerror}.") from error

    def counted(self, rows: Iterable[tuple]) -> Iterator[tuple]:
        """The same rows, and on a terminal how many there were so far."""
        is_shown = sys.stderr.isatty()
        number = 0
        for number, row in enumerate(rows, 1):
            yield row
            if is_shown and number % ROWS_PER_UPDATE == 0:
                print(f"\r\033[K  {number:,} rows", end="", file=sys.stderr, flush=True)
        if is_shown and number >= ROWS_PER_UPDATE:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
