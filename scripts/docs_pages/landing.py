"""The first page: the answer, what there is, and how the last run went."""

from __future__ import annotations

from pathlib import Path

from boards.pages import titles

from docs_pages.contract import marts_of
from docs_pages.layout import address_of, table, text

ABOUT = {
    "questions.html": "The 15 questions that people ask most, with their answers now and the queries.",
    "dbt-docs.html": "Models, columns and tests, and the graph of what is made from what (round button, lower right).",
    "columns.html": (
        "Each column of a mart, back to the columns of the application whose values it has. What only decides, in the "
        "condition of a join or filter, is not drawn: a lead's grade depends on its confidence_score that way."
    ),
    "contract.html": "The columns of the twelve marts, and of how fresh they are: type, unit, and what NULL means.",
    "decisions.html": "What qualified, ROI or one call mean here, and why.",
}


def landing_body(site: Path, manifest: dict, present: dict[str, str], now: str, last_run: str) -> str:
    """`now` is the answer of this moment; `present` gives the label of each page that is there."""
    cards = "".join(
        f'<li><a href="{address_of(file)}">{label}</a><p>{ABOUT[file]}</p></li>'
        for file, label in present.items()
        if file in ABOUT
    )
    marts = [
        (f'<a href="contract.html#{text(mart["name"])}">{text(mart["name"])}</a>', text(_question(mart)))
        for mart in marts_of(manifest)
    ]
    return (
        f"{now}{_boards(site)}<h2>About the data</h2><ul class=cards>{cards}</ul>"
        f"<h2>Marts</h2>{table(('mart', 'what it answers'), marts)}<h2>Last run</h2>{last_run}"
    )


def _boards(site: Path) -> str:
    """A card for each board, with the question that it answers."""
    present = {name: title for name, title in titles().items() if (site / "dashboards" / f"{name}.html").exists()}
    cards = "".join(
        f'<li><a href="dashboards/{name}.html">{text(title.partition(": ")[0])}</a>'
        f"<p>{text(title.partition(': ')[2].capitalize())}</p></li>"
        for name, title in present.items()
    )
    return f"<h2>Boards</h2><ul class=cards>{cards}</ul>" if cards else ""


def _question(mart: dict) -> str:
    """The first sentence of its description, which asks what it answers."""
    question, mark, _ = mart["description"].partition("?")
    return f"{question}?" if mark else mart["description"].partition(". ")[0]
