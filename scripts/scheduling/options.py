"""How ./scripts/scheduled_run is told what to do."""

from __future__ import annotations

import argparse
import re
import stat
from collections.abc import Callable
from pathlib import Path

from errors import UserFacingError


def read_environment(path: Path) -> dict[str, str]:
    """The variables of a file with lines NAME=value; quotes around a value are taken off.

    Raises UserFacingError if the file cannot be read, has other lines, or is open to others.
    """
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


def parse(arguments: list[str] | None, description: str) -> argparse.Namespace:
    """The options that the user gave; ends the program with status 2 if they are none."""

    def number(least: float, kind: type = float) -> Callable:
        def read(text: str):
            value = kind(text)
            if not least <= value < 1e6:
                raise ValueError
            return value

        read.__name__ = f"number from {least:g}"
        return read

    parser = argparse.ArgumentParser(
        prog="./scripts/scheduled_run", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environment", type=Path, metavar="FILE", help="of NAME=value lines, read first")
    parser.add_argument("--selector", metavar="NAME", help="of selectors.yml, such as everything (default: scheduled)")
    parser.add_argument("--wait", type=number(0), default=120, metavar="S", help="for a server to answer (default 120)")
    parser.add_argument("--attempts", type=number(1, int), default=3, metavar="N", help="at most (default 3)")
    parser.add_argument("--pause", type=number(0), default=15, metavar="S", help="before the second (default 15)")
    parser.add_argument("--keep", type=number(1, int), default=20, metavar="N", help="folders of runs (default 20)")
    parser.add_argument("--quiet", action="store_true", help="print nothing unless the run fails")
    return parser.parse_args(arguments)
