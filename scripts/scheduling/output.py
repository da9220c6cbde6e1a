"""What a scheduled run says, on the terminal and in its folder."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

from scheduling.redaction import Redactor


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
