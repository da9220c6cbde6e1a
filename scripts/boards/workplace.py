"""Call dct on the boards, in a folder of the call's own with what dct wants to find beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded_postgres import REPOSITORY
from errors import UserFacingError

from boards.narrow import write_narrow
from boards.reader import Reader

BOARDS = REPOSITORY / "dashboards"
PARTIAL_PARSE = "partial_parse.msgpack"
MISSING = "The boards need the packages of ./scripts/setup --dashboards, and Python 3.11 or newer."


# As README.md has them; one that is not named here comes after them, by name.
ORDER = ("campaigns", "spend", "service_health", "lead_quality", "data_quality")


def board_files() -> list[Path]:
    """The boards' files, in the order in which they are listed everywhere."""
    files = sorted(path for path in (BOARDS / "charts").glob("*.yml") if path.name != "meta.yml")
    return sorted(files, key=lambda path: ORDER.index(path.stem) if path.stem in ORDER else len(ORDER))


def is_installed() -> bool:
    """Whether the packages of the boards are there: they are no part of what a scheduled run needs."""
    return _program("dct").exists()


@dataclass(frozen=True)
class Workplace:
    """dct's environment, with a folder in which it finds dbt's manifest and leaves its logs."""

    folder: Path
    environment: dict[str, str]

    def dct(self, *arguments: str, boards: Path = BOARDS) -> subprocess.CompletedProcess:
        """Run dct to its end, its output kept; `boards` is the folder of its project."""
        return subprocess.run(
            [str(_program("dct")), "--no-workspace-guard", *arguments],
            cwd=boards,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def narrow_boards(self) -> Path:
        """A project of the boards as a telephone shows them."""
        folder = self.folder / "narrow"
        write_narrow(BOARDS / "charts", folder / "charts")
        for name in ("dbt_charts.yml", "profiles.yml"):
            shutil.copy(BOARDS / name, folder)
        return folder

    def start_server(self, *arguments: str) -> subprocess.Popen:
        """Serve the boards, in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "boards.server", "--no-workspace-guard", *arguments],
            cwd=BOARDS,
            env={**self.environment, "PYTHONPATH": str(REPOSITORY / "scripts")},
            stdin=subprocess.DEVNULL,
        )


@contextmanager
def workplace(reader: Reader) -> Iterator[Workplace]:
    """A workplace that is gone afterwards, so that two calls never meet. Raises UserFacingError."""
    if not is_installed():
        raise UserFacingError(MISSING)
    with tempfile.TemporaryDirectory(prefix="leadgen-boards-") as name:
        folder = Path(name)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "DBT_", "DATABASE_URL"))}
        environment = {
            **kept,
            **reader.environment,
            "DASHBOARDS_ROLE": reader.role,
            "DBT_PROFILES_DIR": str(BOARDS),
            "DBT_PROJECT_DIR": str(folder),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DO_NOT_TRACK": "1",
        }
        shutil.copy(REPOSITORY / "dbt_project.yml", folder)
        _write_manifest(folder / "target", environment)
        yield Workplace(folder, environment)


def _write_manifest(target: Path, environment: dict[str, str]) -> None:
    """What says which relation of this database each ref() of a board is."""
    _take_last_parse(target, environment)
    places = ["--project-dir", str(REPOSITORY), "--profiles-dir", str(REPOSITORY / "profiles")]
    output = ["--quiet", "--log-level-file", "none", "--target-path", str(target)]
    # DBT_PROJECT_DIR is dct's folder here.
    own = {key: value for key, value in environment.items() if not key.startswith("DBT_P")}
    command = [str(_program("dbt")), "parse", *output, *places]
    result = subprocess.run(command, env=own, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise UserFacingError(f"dbt cannot read the project: {result.stdout.strip()}")


def _take_last_parse(target: Path, _environment: dict[str, str]) -> None:
    """Let dbt read only what has changed since it last read the project, if that was for this database."""
    last_parse = REPOSITORY / "target" / PARTIAL_PARSE
    if last_parse.exists():
        target.mkdir()
        shutil.copy(last_parse, target)


def _program(name: str) -> Path:
    return Path(sys.executable).with_name(name)
