"""Where a run leaves its logs and artifacts, and what is kept of runs before it."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from files import write_whole

FOLDER_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
MOST_UNRECORDED = 100
ROOM_BYTES = 16 * 1024**2  # of what dbt writes in a run, more than once


def new_folder(root: Path, run_id: str, kept: int) -> Path:
    """Make the folder of a run, and delete the oldest so that `kept` are left; nothing else in `root` is touched.

    Raises OSError, and leaves no folder, where the disk has no room for what goes into it.
    """
    now = datetime.now(timezone.utc)
    folder = root / f"{now:%Y%m%dT%H%M%SZ}-{run_id[:8]}"
    folder.mkdir(parents=True)
    # Without the new one: its name is not the last where the clock was put back.
    others = sorted(path for path in root.iterdir() if FOLDER_NAME.fullmatch(path.name) and path != folder)
    for old in others[: max(len(others) + 1 - kept, 0)]:
        shutil.rmtree(old, ignore_errors=True)
    try:
        check_room(folder)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def check_room(folder: Path) -> None:
    """Raise OSError if a run could not write in a folder what it writes; the folder is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(ROOM_BYTES))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


@dataclass
class Memory:
    """What this machine must know while no server answers.

    The state that it told last, the runs that could not be recorded (run_id and line), and the alert that was told
    without being recorded (run_id and text).
    """

    told: str = "ok"
    unrecorded: list[dict[str, str]] = field(default_factory=list)
    told_unrecorded: dict[str, str] | None = None

    @classmethod
    def read(cls, path: Path) -> Memory:
        """The memory in a file; a new one if there is none, or if it cannot be read."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, path: Path) -> None:
        """Keep it, in one step."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.unrecorded = self.unrecorded[-MOST_UNRECORDED:]
        write_whole(path, json.dumps(asdict(self), indent=1))
