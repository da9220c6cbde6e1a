"""The first page: what there is, and how the last run went."""

from __future__ import annotations

from pathlib import Path

from docs_pages.contract import marts_of
from docs_pages.layout import table, text

ABOUT = {
    "questions.html": "The 15 questions that people ask most, with their answers now and the queries.",
    "dbt-docs.html": "Models, columns and tests, and the graph of what is made from what (round button, lower right).",
    "columns.html": "Each column of a mart, back to the columns of the application that it comes from.",
    "contract.html": "The columns of the twelve marts, and of how fresh they are: type, unit, and what NULL means.",
    "decisions.html": "What qualified, ROI or one call mean here, and why.",
}


def landing_body(site: Path, manifest: dict, present: dict[str, str], last_run: str) -> str:
    """`present` gives the label of each page that is there."""
    cards = "".join(
        f'<li><a href="{file}">{label}</a><p>{ABOUT[file]}</p></li>' for file, label in present.items() if file in ABOUT
    )
    marts = [
        (f'<a href="contract.html#{text(mart["name"])}">{text(mart["name"])}</a>', text(_question(mart)))
        for mart in marts_of(manifest)
    ]
    return (
        f"{_boards(site)}<h2>About the data</h2><ul class=cards>{cards}</ul>"
        f"<h2>Marts</h2>{table(('mart', 'what it answers'), marts)}<h2>Last run</h2>{last_run}"
    )


def _boards(site: Path) -> str:
    boards = [board for board in sorted((site / "dashboards").glob("*.html")) if board.name != "index.html"]
    cards = "".join(
        f'<li><a href="dashboards/{text(board.name)}">'
        f"{text(board.stem.replace('_', ' ').replace('-', ' ').capitalize())}</a></li>"
        for board in boards
        if board.stem != "index"
    )
    return f"<h2>Boards</h2><ul class=cards>{cards}</ul>" if cards else ""


def _question(mart: dict) -> str:
    """The first sentence of its description, which asks what it answers."""
    question, mark, _ = mart["description"].partition("?")
    return f"{question}?" if mark else mart["description"].partition(". ")[0]
