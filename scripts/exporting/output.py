"""Where an export goes: a file that appears when it is complete, or standard output, a pipe or a device."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from errors import UserFacingError

STDOUT = "-"
ROWS_PER_UPDATE = 10_000


class Target:
    """`file` is what a writer writes to: binary. What is no file gets rows as they come, unless the format seeks."""

    def __init__(self, name: str, is_seeking: bool):
        self.is_stdout = name == STDOUT
        if self.is_stdout and is_seeking and sys.stdout.isatty():
            raise UserFacingError("This format is not for a terminal: name a file with --output.")
        self.name = "The output" if self.is_stdout else os.path.abspath(name)
        is_stream = self.is_stdout or _is_stream(self.name)
        self.is_direct = is_stream and not is_seeking
        # A symbolic link stays one: the file that it points to is replaced.
        self.path = None if is_stream else Path(os.path.realpath(name))

    def __enter__(self) -> Target:
        folder, prefix = (self.path.parent, f".{self.path.name}.") if self.path else (None, None)
        try:
            self.stream = None if self.path else self._open_stream()
            # Private, as leads are personal data.
            handle, name = (None, None) if self.is_direct else tempfile.mkstemp(dir=folder, prefix=prefix)
        except OSError as error:
            raise UserFacingError(f"Nothing can be written in {folder or self.name}: {error.strerror}.") from error
        self.temporary = None if self.is_direct else Path(name)
        self.file = self.stream if self.is_direct else os.fdopen(handle, "wb")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        try:
            if not kind:
                self._finish()
        except OSError as problem:
            error = problem
        finally:
            self._clean_up(error)
        if isinstance(error, BrokenPipeError):
            raise error
        if isinstance(error, OSError):
            raise UserFacingError(f"{self.name} cannot be written: {error.strerror}.") from error

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

    def _open_stream(self):
        return sys.stdout.buffer if self.is_stdout else open(self.name, "wb")  # noqa: SIM115 (closed in _clean_up)

    def _finish(self) -> None:
        self.file.flush()
        if self.is_direct:
            return
        self.file.close()
        if self.path:
            if not _is_file(self.path):
                raise UserFacingError(f"{self.path} is no file any more: nothing was written.")
            os.replace(self.temporary, self.path)
            return
        with self.temporary.open("rb") as complete:
            shutil.copyfileobj(complete, self.stream)
        self.stream.flush()

    def _clean_up(self, error: BaseException | None) -> None:
        """Close what was opened. What a failed write has left in a buffer fails again, which is no news."""
        if self.is_stdout and isinstance(error, OSError):
            # Python writes what is left when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        for file in (self.file, self.stream):
            if file and not (self.is_stdout and file is self.stream):
                with suppress(OSError):
                    file.close()
        if self.temporary:
            self.temporary.unlink(missing_ok=True)


def _is_stream(name: str) -> bool:
    """Whether something is there that takes bytes and is no file. Raises UserFacingError for what takes none."""
    try:
        mode = os.stat(name).st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserFacingError(f"{name} cannot be written: {error.strerror}.") from error
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        return True
    if not stat.S_ISREG(mode):
        what = {stat.S_IFDIR: "a folder", stat.S_IFBLK: "a disk"}.get(stat.S_IFMT(mode), "no file")
        raise UserFacingError(f"{name} is {what}: name a file with --output.")
    return False


def _is_file(path: Path) -> bool:
    """Whether a file can be put there: one that is replaced, or nothing."""
    return not os.path.lexists(path) or stat.S_ISREG(os.lstat(path).st_mode)
