"""A clock that is shared by a command, all that it starts, and their servers: libfaketime in LD_PRELOAD."""

from __future__ import annotations

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from errors import UserFacingError

FOLDER = Path(__file__).resolve().parent
WITNESSES = FOLDER / "witnesses.py"
WAITS = FOLDER / "waits.c"
# The offset is of whole seconds, and the machine's own clock may be set meanwhile, but by a little.
TOLERANCE_SECONDS = 2
ENDING_SECONDS = 180
# libfaketime shares a semaphore with all processes below the first, which the first alone may open. The servers, which
# run as another account, would end at once.
OPEN_TO_SERVERS = 'chmod a+rw /dev/shm/*faketime_*_$$ 2>/dev/null; exec "$@"'


class Preloads:
    """The libraries that make a clock: libfaketime, and ours that leaves waiting alone. Made anew for each program."""

    def __enter__(self) -> Preloads:
        library = _libfaketime()
        compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
        if compiler is None:
            raise UserFacingError("there is no C compiler: install the packages gcc and libc6-dev (Debian, Ubuntu).")
        self._folder = tempfile.TemporaryDirectory(prefix="leadgen-clocks-")
        os.chmod(self._folder.name, 0o755)  # servers run as another account
        waits = Path(self._folder.name) / "waits.so"
        command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(waits), str(WAITS), "-ldl"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            self._folder.cleanup()
            reason = (done.stdout.strip().splitlines() or ["no reason given"])[0]
            raise UserFacingError(f"{compiler} cannot compile {WAITS.name} (is libc6-dev installed?): {reason}")
        self.value = f"{waits}:{library}"
        return self

    def __exit__(self, *_) -> None:
        self._folder.cleanup()


def _libfaketime() -> str:
    """Where the library is, asked of the program that comes with it."""
    remedy = "install the package faketime (Debian, Ubuntu: sudo apt-get install faketime)."
    if shutil.which("faketime") is None:
        raise UserFacingError(f"libfaketime is missing: {remedy}")
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    command = ["faketime", "-f", "+0", "printenv", "LD_PRELOAD"]
    asked = subprocess.run(command, env=environment, capture_output=True, text=True)
    library = asked.stdout.strip()
    if asked.returncode or not library:
        reason = asked.stderr.strip() or "it names no library"
        raise UserFacingError(f"faketime does not work here ({reason}): {remedy}")
    return library


def _package_hosts() -> str:
    """The hosts that pip takes packages from where nothing else is configured."""
    program = "from pip._internal.models.index import PyPI; print(PyPI.netloc, PyPI.file_storage_domain)"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip()


class Faked:
    """A clock that starts at `start` when the block is entered, and commands that run at it, ended with the block.

    Temporary files have a folder of their own: pytest deletes folders of other runs that are old by its clock.
    """

    def __init__(self, preloads: Preloads, start: datetime, zone: str) -> None:
        self._preloads, self._start, self._zone = preloads, start, zone
        self._processes: list[subprocess.Popen] = []

    def __enter__(self) -> Faked:
        self._folder = tempfile.TemporaryDirectory(prefix="leadgen-clock-", ignore_cleanup_errors=True)
        os.chmod(self._folder.name, 0o755)
        offset = round(self._start.timestamp() - time.time())
        self._monotonic = time.monotonic()
        self._environment = {
            **os.environ,
            "TZ": self._zone,
            "TMPDIR": self._folder.name,
            "LD_PRELOAD": self._preloads.value,
            "FAKETIME": f"{offset:+d}s",
            # Waiting takes as long as ever. Files keep their true times, which libfaketime changes for some programs.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            # A test installs the packages anew, and certificates are of another year. What counts is the locks' hashes.
            "PIP_TRUSTED_HOST": f"{os.environ.get('PIP_TRUSTED_HOST', '')} {_package_hosts()}".strip(),
        }
        return self

    def __exit__(self, *_) -> None:
        for process in self._processes:
            _end(process)
            for path in glob.glob(f"/dev/shm/*faketime_*_{process.pid}"):
                Path(path).unlink(missing_ok=True)
        self._folder.cleanup()

    def start(self, command: list[str], output: IO | int) -> subprocess.Popen:
        """Begin a command, in a process group of its own, that prints to `output`."""
        process = subprocess.Popen(
            ["sh", "-c", OPEN_TO_SERVERS, "sh", *command],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        self._processes.append(process)
        return process

    def assert_everywhere(self) -> str:
        """Ask every kind of program what time it is; returns their names. Raises UserFacingError if one is wrong."""
        asking = self.start([sys.executable, str(WITNESSES)], subprocess.PIPE)
        names, rest = [], []
        for line in asking.stdout:
            try:
                name, said, before, after = json.loads(line)
            except ValueError:
                rest.append(line.strip())
                continue
            earliest, latest = self._at(before) - TOLERANCE_SECONDS, self._at(after) + TOLERANCE_SECONDS
            if not earliest <= said <= latest:
                raise UserFacingError(f"the clock is not faked: {name} says {_text(said)}, not {_text(latest)}.")
            names.append(name)
        if asking.wait():
            raise UserFacingError(f"the clock cannot be faked: {(rest or ['no reason given'])[-1]}")
        return f"{', '.join(names[:-1])} and {names[-1]}"

    def _at(self, monotonic: float) -> float:
        """The time that this clock shows at a moment of the clock that nobody sets."""
        return self._start.timestamp() + monotonic - self._monotonic


def _end(process: subprocess.Popen) -> None:
    """Interrupt what is still at work, as Ctrl-C does, and wait until it has ended its servers."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(ENDING_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _text(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
