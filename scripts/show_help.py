"""What a command says to --help, before .venv is there: `python3 scripts/show_help.py doctor --help`."""

import builtins
import runpy
import sys
from pathlib import Path
from unittest.mock import MagicMock

SCRIPTS = Path(__file__).resolve().parent


def main() -> None:
    command, *arguments = sys.argv[1:]
    builtins.__import__ = _import_or_stand_in
    sys.argv = [f"scripts/{command}", *arguments]
    runpy.run_path(str(SCRIPTS / f"{command}.py"), run_name="__main__")


def _import_or_stand_in(name, globals=None, *arguments, _import=builtins.__import__):  # noqa: A002
    """A package that a script imports and that is not installed has a stand-in: --help needs none of them.

    What Python's own modules do not find stays missing: they go on without it.
    """
    try:
        return _import(name, globals, *arguments)
    except ModuleNotFoundError:
        if SCRIPTS not in Path((globals or {}).get("__file__", "")).parents:
            raise
        return MagicMock()


if __name__ == "__main__":
    main()
