"""Put new pages where a web server reads them, all at once: the folder it serves is a symbolic link."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from errors import UserFacingError

KEPT_SECONDS = 3600


def publish(folder: Path, write: Callable[[Path], object]) -> None:
    """Have `write` fill a new folder beside `folder`, then let `folder` point to it. If that fails, nothing changes.

    A reader sees the old pages or the new ones, never some of each. What was published stays for an hour more, for
    those who are reading it. Raises UserFacingError if `folder` is something else than such a link.
    """
    folder = Path(os.path.abspath(folder))
    if folder.exists() and not _is_published(folder):
        raise UserFacingError(f"{folder} was not made by this command: name a folder that is not there yet.")
    if not folder.parent.is_dir():
        raise UserFacingError(f"There is no folder {folder.parent}: make it, or name another.")
    try:
        made = Path(tempfile.mkdtemp(prefix=_prefix(folder), dir=folder.parent))
    except OSError as error:
        raise UserFacingError(f"{folder.parent}: {error.strerror}. Name a folder that can be written.") from error
    try:
        write(made)
        made.chmod(0o755)
        _point(folder, made)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    _forget_old(folder, made)


def _prefix(folder: Path) -> str:
    return f".{folder.name}."


def _is_published(folder: Path) -> bool:
    return folder.is_symlink() and os.readlink(folder).startswith(_prefix(folder))


def _point(folder: Path, made: Path) -> None:
    link = made.with_name(f"{made.name}.link")
    link.symlink_to(made.name)
    os.replace(link, folder)


def _forget_old(folder: Path, made: Path) -> None:
    now = made.stat().st_ctime  # it has just been changed; the clock of a network's file system may be another one
    for old in folder.parent.glob(f"{_prefix(folder)}*"):
        if old.is_dir() and old not in (made, folder.resolve()) and now - old.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
