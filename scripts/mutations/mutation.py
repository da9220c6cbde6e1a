"""Mutations, and copies of the project with one in them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

from errors import UserFacingError

REPOSITORY = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("mutations.yml")
PLACES = ("rollup row", "live row", "old row changed by a run", "everywhere", "rights")


class UnfitMutation(UserFacingError):
    """A mutation that says nothing about the checks."""


@dataclass(frozen=True)
class Mutation:
    """A text that a file of the project has once, and what to put in its place."""

    name: str
    breaks: str
    where: str
    file: str
    text: str
    replacement: str

    def applied(self, project: Path = REPOSITORY) -> str:
        """What the file is then. Raises UserFacingError."""
        path = project / self.file
        content = path.read_text(encoding="utf-8") if path.is_file() else ""
        if content.count(self.text) != 1:
            raise UserFacingError(
                f"mutation {self.name}: its text is in {self.file} {content.count(self.text)} times instead of once:"
                f" correct {FILE.relative_to(REPOSITORY)}."
            )
        return content.replace(self.text, self.replacement)


def read_mutations() -> list[Mutation]:
    """All of them, each with its text in its file once. Raises UserFacingError."""
    import yaml

    wanted = [field.name for field in fields(Mutation)]
    mutations = []
    for entry in yaml.safe_load(FILE.read_text(encoding="utf-8")):
        if sorted(entry) != sorted(wanted) or entry["where"] not in PLACES:
            raise UserFacingError(
                f"mutation {entry.get('name')}: give it {', '.join(wanted)}, and for where one of {', '.join(PLACES)}."
            )
        mutations.append(Mutation(**entry))
        mutations[-1].applied()
    return mutations


def copy_project(folder: Path, mutation: Mutation | None = None) -> None:
    """What a clone of the next commit would hold, as a repository of its own with this one's packages."""

    def git(*arguments: str, cwd: Path = folder) -> str:
        return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True).stdout

    try:
        for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=REPOSITORY).split("\0"):
            if (REPOSITORY / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, folder / name)
        # Some tests ask git what belongs to the project.
        git("init", "--quiet")
        (folder / ".git" / "info" / "exclude").write_text(".venv\n", encoding="utf-8")
        git("add", "--all")
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserFacingError(f"git cannot copy the project: {error}") from error
    (folder / ".venv").symlink_to(sys.prefix)
    if mutation:
        (folder / mutation.file).write_text(mutation.applied(folder), encoding="utf-8")


def last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")


def progress(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)
