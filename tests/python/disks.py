"""Disks of the tests' own, which are small and can be filled: file systems in memory, which only root can make."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of this size at a folder, which is made. Skips the test where none can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        # Whatever may still have a file of it open.
        assert _run("umount", "--lazy", str(folder)).returncode == 0


def make_read_only(disk: Path) -> None:
    assert _run("mount", "-o", "remount,ro", str(disk)).returncode == 0


def fill(disk: Path) -> None:
    """Leave no room for a single byte."""
    with open(disk / "filling", "ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert os.statvfs(disk).f_bavail == 0


def _run(*command: str) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
