"""What a scheduled run says, on the terminal and in its folder."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

from errors import reason_of

from scheduling.redaction import Redactor


class Output:
    """What the run says: printed, and kept in the run's folder. A quiet one prints nothing unless something is wrong.

    `warnings` are what went wrong and did not end the run.
    """

    def __init__(self, is_quiet: bool):
        self.redactor = Redactor()
        self.warnings: list[str] = []
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

    def warn(self, text: str) -> None:
        """Say what is wrong, once, and remember it for the line that the run ends with."""
        if text not in self.warnings:
            self.warnings.append(text)
            self.say(text)

    def lose_line(self, error: BaseException) -> None:
        """Say that the disk does not take the log any more."""
        self.warn(f"The log of this run is not whole: {reason_of(error)}")

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
        if self._is_quiet and (self.warnings or not is_good):
            print("\n".join(self._lines), flush=True)

    def _keep(self, line: str) -> None:
        if not self._file:
            return
        try:
            with open(self._file, "a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        except OSError as error:
            self._file = None
            self.lose_line(error)
