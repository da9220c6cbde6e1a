"""Write the docs site: a folder of pages, site/, that opens from disk or any web server, and needs no network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from dbt_progress import Dbt
from docs_pages.columns import write_column_lineage
from docs_pages.contract import contract_body
from docs_pages.landing import landing_body
from docs_pages.last_run import last_run_body, scheduled_runs_body
from docs_pages.layout import PAGES, page
from docs_pages.markdown import markdown_body
from docs_pages.now import now_body
from docs_pages.questions import answered_questions
from embedded_postgres import REPOSITORY
from files import write_whole
from psycopg2.extensions import connection as Connection

SITE = REPOSITORY / "site"
TARGET = REPOSITORY / "target"
DOCUMENTED = ("dbt_project.yml", "analyses", "models", "macros", "seeds", "tests/dbt")


def write_docs_site(dbt: Dbt, connection: Connection) -> Path:
    """Write the site after a build; returns its first page. What dbt documents is written anew only if it changed."""
    SITE.mkdir(exist_ok=True)
    stamp = SITE / "fingerprint"
    fingerprint = _fingerprint(connection)
    is_whole = all((SITE / name).exists() for name in ("dbt-docs.html", "columns.html"))
    if not is_whole or not stamp.exists() or stamp.read_text() != fingerprint:
        stamp.unlink(missing_ok=True)
        dbt.write_docs()
        write_whole(SITE / "dbt-docs.html", static_page(TARGET))
        write_column_lineage(TARGET, SITE / "columns.html")
        write_whole(stamp, fingerprint)
    questions = answered_questions(dbt.compiled_analyses(), connection)
    write_whole(SITE / "questions-short.md", questions.file)
    now = now_body(connection, has_boards=(SITE / "dashboards" / "index.html").exists())
    return write_pages(SITE, TARGET, questions.page, now, scheduled_runs_body(connection))


def write_pages(site: Path, target: Path, questions: str, now: str = "", scheduled_runs: str = "") -> Path:
    """Write the project's own pages from the artifacts in `target`, beside what is in `site`; returns the first."""
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))
    decisions = (REPOSITORY / "DECISIONS.md").read_text(encoding="utf-8")
    write_whole(site / "questions.md", questions)
    written = ("index.html", "questions.html", "contract.html", "decisions.html")
    present = {name: label for name, label in PAGES.items() if name in written or (site / name).exists()}
    bodies = {
        "questions.html": ("Questions", markdown_body(questions)),
        "contract.html": ("Contract of the marts", contract_body(manifest, present)),
        "decisions.html": ("Decisions", markdown_body(decisions)),
        "index.html": (
            "What does a qualified lead really cost?",
            landing_body(site, manifest, present, now, last_run_body(results) + scheduled_runs),
        ),
    }
    for name, (title, body) in bodies.items():
        write_whole(site / name, page(name, title, body, present))
    return site / "index.html"


def static_page(target: Path) -> str:
    """dbt's page of a target folder, in which comments that the database has on its tables cannot be markup.

    dbt puts its JSON files into a script as they are, where `</script>` in a text ends the script.
    """
    page = (target / "static_index.html").read_text(encoding="utf-8")
    for name in ("manifest.json", "catalog.json"):
        data = (target / name).read_text(encoding="utf-8")
        page = page.replace(data, data.replace("<", "\\u003c"))
    return page


def _fingerprint(connection: Connection) -> str:
    """Changes with the project's files and with the tables and columns of the database."""
    digest = hashlib.sha256()
    for name in DOCUMENTED:
        root = REPOSITORY / name
        for path in sorted([root] if root.is_file() else (path for path in root.rglob("*") if path.is_file())):
            digest.update(f"{path.relative_to(REPOSITORY)}\n".encode() + path.read_bytes())
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select
                current_database(),
                md5(string_agg(concat_ws(' ', table_schema, table_name, column_name, data_type), ',' order by
                    table_schema, table_name, ordinal_position))
            from information_schema.columns
            where table_schema not in ('pg_catalog', 'information_schema')
            """
        )
        digest.update(repr(cursor.fetchone()).encode())
    return digest.hexdigest()
