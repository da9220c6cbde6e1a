"""scripts/check_clocks: the clock that it makes, and what it says of a run. That all tests pass, it says itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import check_clocks
import pytest
from clocks.faking import Faked, Preloads
from conftest import REPOSITORY
from errors import UserFacingError

START = datetime(2028, 2, 29, 23, 59, 55, tzinfo=timezone.utc)
PROGRAM = REPOSITORY / "scripts" / "check_clocks.py"
# Six seconds and more, after which the day has changed for Python, for a thread that waits, and for bash.
LOOK = """
import datetime, subprocess, threading, time
time.sleep(3); threading.Event().wait(3)
print(datetime.datetime.now().astimezone().strftime("%F %H %Z"), flush=True)
subprocess.run(["bash", "-c", "date '+%F %H %Z'"])
"""
LOG = """\
ruff: failed in 1 s
yamllint: passed
pytest quick:
FAILED tests/python/test_readme.py::test_one[a b] - AssertionError: assert 1 - 1
ERROR tests/python/test_run.py::test_two
2 failed, 1017 passed, 3 skipped, 1 error in 75.20s (0:01:15)
pytest quick: failed in 76 s
=========== 1 failed, 4 passed in 3.00s ===========

1 passed (yamllint), 2 failed (ruff, pytest quick), in 1 min 19 s
"""


@pytest.fixture(scope="module")
def preloads() -> Iterator[Preloads]:
    if shutil.which("faketime") is None:
        message = "libfaketime is not installed (Debian and Ubuntu: faketime)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with Preloads() as preloads:
        yield preloads


def test_a_clock_runs_on_from_its_start(preloads: Preloads) -> None:
    with Faked(preloads, START, "Europe/Berlin") as faked:
        said = faked.start([sys.executable, "-c", LOOK], subprocess.PIPE).communicate()[0]
    assert said.splitlines() == ["2028-03-01 01 CET"] * 2


def test_all_is_refused_if_one_program_has_another_clock(preloads: Preloads, monkeypatch: pytest.MonkeyPatch) -> None:
    with Faked(preloads, START, "UTC") as faked:
        monkeypatch.setitem(faked._environment, "FAKETIME", "+0s")
        with pytest.raises(UserFacingError, match="the clock is not faked: Python says "):
            faked.assert_everywhere()


def test_a_run_is_told_by_its_log() -> None:
    assert check_clocks._counts(LOG) == "1,021 passed, 3 failed, 1 error, 3 skipped"
    assert check_clocks._failed(LOG) == ["ruff", "test_readme.py::test_one[a b]", "test_run.py::test_two"]
    assert check_clocks._failed("pytest: failed in 3 s\n") == ["pytest"]  # which could not begin


def test_help_needs_no_set_up() -> None:
    """Nor any package."""
    shown = subprocess.run([sys.executable, "-S", PROGRAM, "--help"], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    for clock in check_clocks.CLOCKS:
        assert f"{clock.name} " in shown.stdout


def test_what_cannot_be_done_is_said_in_one_line(tmp_path: Path) -> None:
    wrong = subprocess.run([sys.executable, PROGRAM, "--at", "noon"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "noon" in wrong.stderr
    bare = subprocess.run([sys.executable, PROGRAM], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert bare.returncode == 1
    remedy = "install the package faketime (Debian, Ubuntu: sudo apt-get install faketime)."
    assert bare.stderr == f"Error: libfaketime is missing: {remedy}\n"
