"""What README and its sisters show is true: its queries, its variables, its list of defects, the list of decisions."""

from __future__ import annotations

import os
import re
import sys
from contextlib import closing

import psycopg2
import pytest
import yaml
from clones import Clone, copy_repository
from conftest import REPOSITORY, ShapeDatabase
from docs_pages.markdown import anchor_of

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
MARTS = {path.stem for path in (REPOSITORY / "models" / "marts").glob("*.sql")}
COMMANDS = sorted(
    path.name for path in (REPOSITORY / "scripts").iterdir() if path.is_file() and os.access(path, os.X_OK)
)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def _section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("query", _blocks("sql"), ids=lambda query: re.search(r"from (\w+)", query)[1])
def test_example_query_runs(shape_database: ShapeDatabase, query: str) -> None:
    with closing(psycopg2.connect(shape_database.dsn, options="-csearch_path=analytics")) as connection:
        cursor = connection.cursor()
        cursor.execute(query)
        columns = [column.name for column in cursor.description]
        assert "?column?" not in columns
        # Nobody need be over budget, and the enhanced shape has one log only.
        assert cursor.fetchall() or "projected_month_spend > monthly_budget_limit" in query


def test_every_mart_has_an_example() -> None:
    assert {re.search(r"from (\w+)", query)[1] for query in _blocks("sql")} == MARTS | {"mart_freshness"}


def test_variables_are_those_of_the_project() -> None:
    documented = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", _section("Variables"), flags=re.MULTILINE))
    project = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text(encoding="utf-8"))
    assert {name: yaml.safe_load(value) for name, value in documented.items()} == project["vars"]


def test_defects_are_those_of_the_models() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", _section("Data quality"), flags=re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    sources = [
        *(REPOSITORY / "models/intermediate/quality").glob("*.sql"),
        *(REPOSITORY / "macros" / name for name in ("quality.sql", "lead_issues.sql")),
    ]
    kind = r"""(?:\(|select)\s*'(\w+)'(?: as issue_type)?,\s*['"](?:error|warning|info|case)\b"""  # and how grave it is
    built = {name for path in sources for name in re.findall(kind, path.read_text(encoding="utf-8"))}
    assert documented == built


def test_decisions_open_with_the_list_of_their_titles() -> None:
    opening, *decisions = re.split(
        r"^## ", (REPOSITORY / "DECISIONS.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    titles = [decision.partition("\n")[0] for decision in decisions]
    assert len(set(map(anchor_of, titles))) == len(titles)
    assert re.findall(r"^- \[(.+)\]\(#(.+)\)$", opening, flags=re.MULTILINE) == [
        (title, anchor_of(title)) for title in titles
    ]


def test_folders_and_files_exist() -> None:
    named = re.findall(r"`((?:\./)?(?:models|seeds|macros|tests|scripts)/[\w/.]*)`", README)
    assert named
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


# The commands


@pytest.fixture(scope="module")
def bare_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy without .venv, for a Python in which no package is installed."""
    folder, programs = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("bin")
    copy_repository(folder)
    (programs / "python3").write_text(f'#!/bin/sh\nexec "{sys._base_executable}" -S "$@"\n')
    (programs / "python3").chmod(0o755)
    return Clone(folder, environment={"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"})


@pytest.mark.parametrize("command", COMMANDS)
def test_help_needs_no_set_up(bare_clone: Clone, command: str) -> None:
    asked = bare_clone.run(f"scripts/{command}", "--help")
    assert asked.returncode == 0, asked.stdout
    assert re.match(r"usage: (\./)?scripts/" + command, asked.stdout)
    assert len(asked.stdout.splitlines()) > 2 and "Traceback" not in asked.stdout
    assert not (bare_clone.folder / ".venv").exists()
