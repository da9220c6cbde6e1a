"""What README, docs/ and their sisters show is true: queries, commands, variables, defects, links and citations."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import yaml
from clones import Clone, copy_repository
from conftest import REPOSITORY, ShapeDatabase, environment_of, query
from docs_pages.markdown import anchor_of
from embedded_postgres import Server

README = REPOSITORY / "README.md"
DOCS = sorted((REPOSITORY / "docs").glob("*.md"))
TEXTS = {path: path.read_text(encoding="utf-8") for path in (README, *DOCS)}
PAGES = {path.name: text for path, text in TEXTS.items()}
SISTERS = {path: path.read_text(encoding="utf-8") for path in (*REPOSITORY.glob("*.md"), *DOCS)}
MARTS = {path.stem for path in (REPOSITORY / "models" / "marts").glob("*.sql")}
COMMANDS = sorted(
    path.name for path in (REPOSITORY / "scripts").iterdir() if path.is_file() and os.access(path, os.X_OK)
)
ONE_SERVER = pytest.mark.parametrize("server", ["embedded"], indirect=True)


def _blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def _section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _mart(query: str) -> str:
    return re.search(r"from (?:analytics\.)?(\w+)", query)[1]


def _shown(text: str) -> str:
    """The text without what is in its blocks, where `#` begins a comment."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def _titles(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", _shown(text), flags=re.MULTILINE)


@pytest.mark.parametrize("query", [query for text in PAGES.values() for query in _blocks("sql", text)], ids=_mart)
def test_example_query_runs(shape_database: ShapeDatabase, query: str) -> None:
    with closing(psycopg2.connect(shape_database.dsn, options="-csearch_path=analytics")) as connection:
        cursor = connection.cursor()
        cursor.execute(query)
        columns = [column.name for column in cursor.description]
        assert "?column?" not in columns
        # Nobody need be over budget, and the enhanced shape has one log only.
        assert cursor.fetchall() or "projected_month_spend > monthly_budget_limit" in query


def test_every_mart_has_an_example() -> None:
    assert {_mart(query) for query in _blocks("sql", PAGES["marts.md"])} == MARTS | {"mart_freshness"}


def test_readme_has_every_mart_with_its_question_and_its_sql() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\((.+?)\) \| (.+) \|$", PAGES["README.md"], flags=re.MULTILINE)
    assert {name for name, _, _ in rows} == MARTS and len(rows) == len(MARTS)
    assert [link for name, link, _ in rows if link != f"models/marts/{name}.sql"] == []
    assert [question for _, _, question in rows if not question.endswith("?")] == []


def test_readme_is_a_door_and_every_page_is_named_on_it() -> None:
    """It says first how to start and how to prove, and the quick proof before the long one."""
    readme = PAGES["README.md"]
    assert len(readme.splitlines()) <= 150
    assert [path.name for path in DOCS if len(TEXTS[path].splitlines()) > 200] == []
    assert [path.name for path in DOCS if f"](docs/{path.name})" not in readme] == []
    assert [block.split()[0] for block in _blocks("bash", _section(readme, "Start"))] == ["./scripts/run", "source"]
    proofs = _blocks("bash", _section(readme, "Prove"))[0].splitlines()
    assert [line.partition("#")[0].strip() for line in proofs] == ["./scripts/test quick", "./scripts/test"]


def test_variables_are_those_of_the_project() -> None:
    section = _section(PAGES["operating.md"], "Variables")
    documented = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section, flags=re.MULTILINE))
    project = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text(encoding="utf-8"))
    assert {name: yaml.safe_load(value) for name, value in documented.items()} == project["vars"]


def test_defects_are_those_of_the_models() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", _section(PAGES["marts.md"], "Data quality"), flags=re.MULTILINE)
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
    named = [name for text in PAGES.values() for name in _named(text)]
    assert len(named) > 40
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def _named(text: str) -> list[str]:
    """Files and folders in backquotes, and the commands of the blocks."""
    folders = r"`((?:\./)?(?:models|analyses|dashboards|grafana|seeds|macros|tests|scripts)/[\w/.]*)`"
    return [
        *re.findall(folders, text),
        *(name for block in _blocks("bash", text) for name in re.findall(r"\./scripts/\w+", block)),
    ]


def test_links_lead_somewhere() -> None:
    links = [
        (path, *link.partition("#")[::2])
        for path, text in SISTERS.items()
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", _shown(text))
    ]
    assert len(links) > 80
    assert [f"{path.name}: {link}" for path, link, _ in links if not (path.parent / link).exists()] == []
    assert [
        f"{path.name}: {link}#{anchor}"
        for path, link, anchor in links
        if anchor and anchor not in map(anchor_of, _titles((path.parent / link if link else path).read_text("utf-8")))
    ] == []


def test_pages_and_titles_that_anything_cites_exist() -> None:
    """Messages, comments and descriptions of the whole repository: `docs/rights.md, "Roles"`."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\0")
    page = r"(?<![\w/.])((?:docs/[\w/-]+|README|CONTRIBUTING|DECISIONS|CHANGELOG)\.md)"
    cited, wrong = 0, []
    for name in filter(None, names):
        path = REPOSITORY / name
        if not path.is_file() or path == Path(__file__):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        wrong += [f"{name}: {found}" for found in re.findall(page, text) if not (REPOSITORY / found).exists()]
        # Without quotation marks nobody, and no test, can tell where a title ends.
        for found, title in re.findall(rf"{page}`?,\s+(?:\\?[\"*]([^\"*]{{1,80}}?)\\?[\"*]|(?=[A-Z]))", text):
            cited += 1
            titles = _titles((REPOSITORY / found).read_text(encoding="utf-8"))
            if " ".join(title.split()) not in {*titles, *(known.partition(":")[0] for known in titles)}:
                wrong.append(f"{name}: {found}, {title}")
    assert cited >= 8
    assert wrong == []


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


@ONE_SERVER
def test_the_generator_s_commands(server: Server, empty_database: str, tmp_path: Path) -> None:
    """As the docs show them, but for the database's address and the number of calls."""
    commands = _blocks("bash", _section(PAGES["how-it-works.md"], "Sample data"))[0].splitlines()
    changes = {"./scripts/": f"{REPOSITORY}/scripts/", "300000": "1000", "postgresql://localhost/leadgen": "''"}
    for command in commands:
        for before, after in changes.items():
            command = command.replace(before, after)
        environment = {**os.environ, **environment_of(empty_database)}
        subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "truth.json").exists()
    counts = "select (select count(*) from public.businesses) > 0, (select count(*) from sample.enhanced_leads) > 0"
    assert query(empty_database, counts) == [(True, True)]
