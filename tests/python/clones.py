"""Copies of the repository in folders of their own, and programs run in them as a user runs them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from conftest import REPOSITORY, environment_of
from own_database import environment_without_database

SMALLEST_SOURCE = """
create table campaigns (id uuid primary key, name text, status text, created_at timestamptz);
create table businesses (
    id uuid primary key, campaign_id uuid, business_name text, confidence_score int, created_at timestamptz
);
insert into campaigns values ('00000000-0000-4000-8000-000000000001', 'Plumbers', 'active', '2025-01-01 10:00+00');
insert into businesses
select ('00000000-0000-4000-9000-00000000000' || n)::uuid, '00000000-0000-4000-8000-000000000001', 'Lead ' || n, n * 40,
    '2025-01-01 11:00+00'
from generate_series(1, 2) as n;
"""
PATIENCE_SECONDS = 3600
"""After which a program is taken to hang, however busy the machine is."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass(frozen=True)
class Clone:
    """A copy of the repository in a folder of its own, and how to run a program in it."""

    folder: Path
    prefix: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*self.prefix, *command],
            cwd=self.folder,
            env={**environment_without_database(), **self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
        )


def clone_into(folder: Path) -> Clone:
    """A copy whose .venv is the one that runs these tests."""
    installed = Path(sys.prefix) / "requirements-dev.lock"
    current = (REPOSITORY / "requirements-dev.lock").read_text()
    assert installed.exists() and installed.read_text() == current, "run scripts/setup --dev, and pytest from its .venv"
    copy_repository(folder)
    (folder / ".venv").symlink_to(sys.prefix)
    return Clone(folder)


def copy_repository(folder: Path) -> None:
    """Copy what git tracks or would track: what a clone of the next commit holds."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (REPOSITORY / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)


def url_of(dsn: str, **change: str) -> str:
    """The database's address as DATABASE_URL has it; a changed part is put in as it is, escaped or not."""
    variables = environment_of(dsn)
    parts = {
        "user": variables["PGUSER"],
        "password": quote(variables["PGPASSWORD"], safe=""),
        "host": variables["PGHOST"],
        "port": variables["PGPORT"],
        "dbname": variables["PGDATABASE"],
    }
    return "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**(parts | change))
