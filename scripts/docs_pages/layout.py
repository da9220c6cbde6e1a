"""What all pages share: frame, style, tables. Every value from outside goes through `text`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

PAGES = {
    "index.html": "Overview",
    "questions.html": "Questions",
    "dbt-docs.html": "Lineage and models",
    "columns.html": "Column lineage",
    "contract.html": "Contract",
    "decisions.html": "Decisions",
}
# On which mart the pages of lineage open, of those that are too large to be read as a whole.
FIRST_MART = "model.leadgen_analytics.campaign_analytics"
STYLE = """
:root {
    color-scheme: light dark;
    --ink: light-dark(#1d2733, #e4e8ec); --soft: light-dark(#5a6672, #a3afbb); --line: light-dark(#d9dfe5, #36414c);
    --link: light-dark(#0b5cad, #8ec1f5); --page: light-dark(#f6f8fa, #12171d); --card: light-dark(#fff, #1a2129);
    --code: light-dark(#eef1f4, #242d36); --good: light-dark(#17683a, #6fd39a); --warn: light-dark(#7a4d00, #f0c36d);
    --bad: light-dark(#a61b1b, #ff9c94);
}
* { box-sizing: border-box; }
body {
    margin: 0; font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; color: var(--ink); background: var(--page);
}
header { background: #16324f; color: #fff; padding: 14px 32px; display: flex; flex-wrap: wrap; gap: 8px 28px; }
header strong { margin-right: 12px; }
header a { color: #dbe9f7; text-decoration: none; padding: 1px 2px; }
header a:hover, header a[aria-current] { color: #fff; border-bottom: 2px solid #fff; }
main { max-width: 1240px; margin: 0 auto; padding: 24px 32px 64px; }
h1 { font-size: 30px; margin: 8px 0 4px; } h2 { margin: 36px 0 8px; font-size: 22px; } h3 { margin: 28px 0 6px; }
h2, h3 { scroll-margin-top: 12px; }
a { color: var(--link); } code { font-size: .9em; background: var(--code); padding: 1px 4px; border-radius: 3px; }
pre { background: var(--code); padding: 12px 16px; overflow-x: auto; } pre code { padding: 0; }
.soft { color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 16px; padding: 0; }
.cards li {
    list-style: none; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 14px 18px;
}
.cards a { font-weight: 600; } .cards p { margin: 4px 0 0; color: var(--soft); font-size: 15px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; background: var(--card); font-size: 15px; }
th, td { text-align: left; vertical-align: top; padding: 6px 12px; border: 1px solid var(--line); }
th { background: var(--code); }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.good, .bad, .warn { font-weight: 600; } .good { color: var(--good); } .warn { color: var(--warn); }
.bad { color: var(--bad); }
@media (max-width: 700px) { header, main { padding-left: 16px; padding-right: 16px; } }
@media print { header { display: none; } body { background: #fff; } main { max-width: none; padding: 0; } }
"""


def graph_of(mart: str) -> str:
    """The address of dbt's graph of a mart and of what it is made from, two steps back; `mart` is its unique id."""
    return f"dbt-docs.html#!/overview?g_v=1&g_i=2%2B{mart.rpartition('.')[2]}"


def columns_of(mart: str) -> str:
    """The address of the lineage of a mart's columns."""
    return f"columns.html?model={mart}&parents=1"


def address_of(page: str) -> str:
    """Of a page of the site as a link has it: where it is too large to be read as a whole, of one mart on it."""
    return text({"dbt-docs.html": graph_of(FIRST_MART), "columns.html": columns_of(FIRST_MART)}.get(page, page))


def text(value: Any) -> str:
    """A value as a reader sees it: no markup, and — for none."""
    return "—" if value is None else escape(str(value))


def page(name: str, title: str, body: str, present: Iterable[str]) -> str:
    """A whole page. `present` names the pages there are, for the menu."""
    links = "".join(
        f'<a href="{address_of(file)}"{" aria-current=page" if file == name else ""}>{label}</a>'
        for file, label in PAGES.items()
        if file in {*present, name}
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{text(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<header><strong>Lead-generation analytics</strong>{links}</header>\n"
        f"<main>\n<h1>{text(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    header = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{header}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
