"""Each board as a telephone shows it: one chart below the other, and of a table the columns that fit."""

from __future__ import annotations

from pathlib import Path

import yaml

WIDTH = 390
MOST_PIXELS = 700  # of a window that the narrow board is for
KPIS_IN_A_ROW = 2
MOST_COLUMNS = 3
# The columns that say most, of tables in which they are not the first.
COLUMNS = {
    "budgets": ("user_name", "alert_level", "limit_of", "used"),
    "campaigns": ("campaign", "cost_per_qualified_lead"),
    "best": ("campaign", "cost_per_qualified_lead"),
    "worst": ("campaign", "cost_per_qualified_lead"),
    "counted": ("service", "avoided"),
    "now": ("service", "status_now", "age"),
    "errors": ("at", "service", "error_rate"),
    "percentiles": ("service", "day", "p95_response_time_ms"),
    "by_table": ("issue_type", "severity", "records"),
    "stored": ("mart", "calls"),
    "runs": ("started", "status", "failed"),
    "failing": ("test_name", "status"),
}


def narrow(board: dict) -> dict:
    """The same board, its rows one chart wide and its numbers two."""
    charts = {name: _narrow_chart(name, chart) for name, chart in board["charts"].items()}
    kpis = {name for name, chart in charts.items() if chart["type"] == "kpi"}
    return {**board, "charts": charts, "rows": _stacked(board["rows"], kpis)}


def narrow_meta(meta: dict) -> dict:
    """The defaults of all boards, as wide as a telephone; the filters have a line of their own."""
    style = meta["style"]
    frame = {**style["frame"], "width": WIDTH, "margin": 20, "card_padding": 0}
    titles = {**style["charts"]["title"], "overflow": "wrap"}
    charts = {**style["charts"], "title": titles}
    return {**meta, "style": {**style, "frame": frame, "charts": charts, "variables": {"position": "top"}}}


def write_narrow(wide: Path, folder: Path) -> None:
    """Write the boards of a folder into another, narrow."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in wide.glob("*.yml"):
        change = narrow_meta if file.name == "meta.yml" else narrow
        changed = change(yaml.safe_load(file.read_text(encoding="utf-8")))
        (folder / file.name).write_text(yaml.safe_dump(changed, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _narrow_chart(name: str, chart: dict) -> dict:
    style = chart.get("style", {})
    if chart["type"] != "table":
        return chart
    columns = style["columns"]
    shown = [column for column, look in columns.items() if look.get("visible", True)]
    kept = COLUMNS.get(name, shown[:MOST_COLUMNS])
    looks = {column: look if column in kept else {"visible": False} for column, look in columns.items()}
    return {**chart, "style": {**style, "columns": looks}}


def _stacked(rows: list, kpis: set[str]) -> list:
    stacked: list = []
    for row in rows:
        if isinstance(row, str):
            stacked.append(row)
            continue
        kept = {key: value for key, value in row.items() if key not in ("cols", "rows", "width")}
        inner = row.get("cols") or row.get("rows")
        if inner is None:
            stacked.append(kept)
        elif set(map(str, inner)) <= kpis:
            stacked += [{**kept, "cols": inner[at : at + KPIS_IN_A_ROW]} for at in range(0, len(inner), KPIS_IN_A_ROW)]
        elif kept:
            stacked.append({**kept, "rows": _stacked(inner, kpis)})
        else:
            stacked += _stacked(inner, kpis)
    return stacked
