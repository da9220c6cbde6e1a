"""The marts' contract as tables, from dbt's manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable

from docs_pages.layout import columns_of, graph_of, table, text

LINEAGES = (
    ("dbt-docs.html", graph_of, "What it is made from"),
    ("columns.html", columns_of, "Where its columns come from"),
)


def marts_of(manifest: dict) -> list[dict]:
    """The manifest's marts, by name."""
    nodes = manifest["nodes"].values()
    return sorted(
        (node for node in nodes if node["resource_type"] == "model" and node["fqn"][1] == "marts"),
        key=lambda node: node["name"],
    )


def contract_body(manifest: dict, present: Iterable[str]) -> str:
    """All views in the schema of the marts, those that tell of the marts last, with links to the pages `present`."""
    marts = marts_of(manifest)
    schema = marts[0]["schema"]
    marts += [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == schema and node["fqn"][1] != "marts"
    ]
    links = ", ".join(f'<a href="#{text(mart["name"])}">{text(mart["name"])}</a>' for mart in marts)
    parts = [f"<p>Names, types and order of columns are public: a later column goes at the end. {links}.</p>"]
    for mart in marts:
        name = text(mart["name"])
        rows = [
            (f"<code>{text(column['name'])}</code>", text(column["data_type"]), _prose(column["description"]))
            for column in mart["columns"].values()
        ]
        lineages = [
            f'<a href="{text(address(mart["unique_id"]))}">{label}</a>'
            for page, address, label in LINEAGES
            if page in present
        ]
        parts.append(f'<h2 id="{name}">{name}</h2>\n<p>{_prose(mart["description"])} {" · ".join(lineages)}</p>')
        parts.append(table(("column", "type", "meaning"), rows))
    return "\n".join(parts)


def _prose(description: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text(description))
