"""The report: Markdown for people, JSON with all single times."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import psutil

from benchmarks import goals
from benchmarks.goals import Judged, megabytes, milliseconds, times
from benchmarks.panels import CONTENDERS, DUCKDB, MARTS, PANELS, RAW, VIEW
from benchmarks.size import Measured, median_seconds, shown_live
from benchmarks.timing import Timing

NOTES = """
- A panel is asked again and again on one connection: p50 and p95 in milliseconds, planning included, JIT off, caches
  warm. The number of repetitions and all single times are in figures.json; a panel that takes long has fewer.
- Raw SQL, the materialized view and DuckDB count a call that both logs hold twice. What a correct answer would cost
  them is not in their times.
- The materialized view holds calls by campaign, service and hour. DuckDB holds only the columns that the panels read,
  in a file of its own, and has 2 threads.
- One panel, four ways: the marts are asked right after a run. Every mart: ten minutes after a run, in business hours,
  and with 0.1 % new rows in the source that no dbt run has taken in yet. All these rows lie above the watermark, where
  the marts compute from the source; the table says how many.
- "Planning" is the median of what PostgreSQL says planning takes, which is in the other times as well.
- "PostgreSQL" is the time in which at least one of dbt's sessions was executing a statement, sampled every 20 ms from
  pg_stat_activity. "Whole process" is the command from its start to its end.
- New rows are the newest 0.1 % of calls, log records and leads, inserted again with new ids and later times.
- Memory is the sum over the server's processes, shared memory counted once (PSS), sampled every 100 ms.
- A time with ">" was stopped at the limit. A met goal is one of this run on this machine.
"""


def machine() -> dict:
    """What the figures were measured on."""
    return {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.system(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
    }


def write(sizes: list[Measured], machine: dict, folder: Path) -> str:
    """Write figures.md and figures.json; returns the text of the first."""
    judged = goals.judge(sizes)
    text = _markdown(sizes, machine, judged)
    (folder / "figures.md").write_text(text, encoding="utf-8")
    figures = {
        "machine": machine,
        "sizes": [_as_json(size) for size in sizes],
        "goals": [vars(goal) for goal in judged],
    }
    (folder / "figures.json").write_text(json.dumps(figures, indent=1, default=str) + "\n", encoding="utf-8")
    return text


def _as_json(measured: Measured) -> dict:
    return {
        "api_calls": measured.api_calls,
        **measured.facts,
        "added_rows": measured.added_rows,
        "panels": {
            panel: {contender: timing.as_json() for contender, timing in by_contender.items()}
            for panel, by_contender in measured.panels.items()
        },
        "live": measured.live,
        "marts": [
            {
                "mart": key[0],
                "panel": key[1],
                **timing.as_json(),
                "planning": measured.planning[key].as_json(),
                "with_new_rows": measured.behind[key].as_json(),
            }
            for key, timing in measured.marts.items()
        ],
        "structure": measured.structure,
        "totals": measured.totals,
        "answers_agree": measured.answers_agree,
        "raw_overcount": measured.raw_overcount,
        "upkeep_s": measured.upkeep,
        "freshness": {mart: timing.as_json() for mart, timing in measured.freshness.items()},
        "dbt": {name: [run.as_json() for run in runs] for name, runs in measured.dbt.items()},
        "group_by": measured.group_by.as_json() if measured.group_by else None,
    }


def _markdown(sizes: list[Measured], machine: dict, judged: list[Judged]) -> str:
    facts = sizes[-1].facts
    settings = ", ".join(f"{name} {value}" for name, value in sorted(facts["settings"].items()))
    met = [goal.is_met for goal in judged]
    return "\n".join(
        [
            "# Benchmark",
            "",
            f"{machine['when']}, {machine['cores']} cores ({machine['processor']}),"
            f" {machine['memory_bytes'] / 1e9:.0f} GB of memory, load average {machine['load_before']} before the"
            f" start; PostgreSQL {facts['postgres']}, DuckDB {machine['duckdb']}, Python {machine['python']}.",
            f"Server: {settings}.",
            "",
            f"## Goals: {met.count(True)} met, {met.count(False)} not met",
            "",
            *_table(("figure", "API calls", "measured", "goal", "met"), map(_goal_row, judged)),
            "## One panel, four ways: p50 / p95 in ms",
            "",
            *_table(
                ("panel", "API calls", *CONTENDERS, f"{RAW} / {MARTS}", f"{DUCKDB} / {MARTS}"),
                _panel_rows(sizes),
            ),
            *_overcount(sizes),
            "## Every mart: p50 / p95 in ms",
            "",
            *_table(
                (
                    "mart",
                    "panel",
                    *(f"{size.api_calls:,}{what}" for size in sizes for what in ("", ", planning", ", with new rows")),
                ),
                _mart_rows(sizes),
            ),
            *_table(
                ("rows above the watermark", *(f"{size.api_calls:,}" for size in sizes)),
                ((state, *(shown_live(size.live[state]) for size in sizes)) for state in sizes[-1].live),
            ),
            "## Keeping up with new rows",
            "",
            *_table(("", *(f"{size.api_calls:,}" for size in sizes)), _upkeep_rows(sizes)),
            "## dbt: whole process / PostgreSQL in s",
            "",
            *_table(("command", *(f"{size.api_calls:,}" for size in sizes)), _dbt_rows(sizes)),
            "## What there is to read",
            "",
            *_table(("figure", "files"), sizes[-1].structure.items()),
            "## How to read this",
            NOTES,
        ]
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _goal_row(goal: Judged) -> tuple[str, ...]:
    met = {True: "yes", False: "**no**", None: "–"}[goal.is_met]
    return goal.what, goal.calls, goal.measured, goal.goal, met


def _panel_rows(sizes: list[Measured]) -> Iterable[tuple[str, ...]]:
    for panel in PANELS:
        for size in sizes:
            timings = size.panels[panel]
            yield (
                panel,
                f"{size.api_calls:,}",
                *(_shown(timings[contender]) for contender in CONTENDERS),
                times(timings[RAW].p50 / timings[MARTS].p50),
                times(timings[DUCKDB].p50 / timings[MARTS].p50),
            )


def _shown(timing: Timing | None) -> str:
    if timing is None:
        return "not measured"
    if timing.is_stopped:
        return f"> {milliseconds(timing.p50)}"
    return f"{milliseconds(timing.p50)} / {milliseconds(timing.p95)}"


def _overcount(sizes: list[Measured]) -> list[str]:
    ratios = sizes[-1].raw_overcount
    if not ratios:
        return []
    return [
        f"At {sizes[-1].api_calls:,} calls the first three count {ratios['calls']:.2f} times the calls and"
        f" {ratios['cost']:.2f} times the cost that the marts count once.",
        "",
    ]


def _mart_rows(sizes: list[Measured]) -> Iterable[tuple[str, ...]]:
    for mart, title in sizes[-1].marts:
        cells = []
        for size in sizes:
            planning = size.planning.get((mart, title))
            cells += [_shown(size.marts.get((mart, title))), milliseconds(planning.p50) if planning else "not measured"]
            cells += [_shown(size.behind.get((mart, title)))]
        yield f"`{mart}`", title, *cells


def _upkeep_rows(sizes: list[Measured]) -> Iterable[tuple[str, ...]]:
    yield f"{VIEW}: refresh, all or nothing", *(_seconds(size.upkeep[VIEW]) for size in sizes)
    yield f"{DUCKDB}: copy anew", *(_seconds(size.upkeep[DUCKDB]) for size in sizes)
    for mart in sizes[-1].freshness:
        yield (
            f"{MARTS}: commit → visible in `{mart}`, no run",
            *(f"{'> ' * size.freshness[mart].is_stopped}{_seconds(size.freshness[mart].p50)}" for size in sizes),
        )
    yield (
        f"{MARTS}: `dbt run` after 0.1 % new rows, PostgreSQL",
        *(_seconds(median_seconds(size.dbt.get("run, new rows", []), "postgres_seconds")) for size in sizes),
    )
    yield (
        "the plainest group by over both logs, for comparison",
        *(_seconds(size.group_by.p50 if size.group_by else None) for size in sizes),
    )
    yield (
        "database with the source, the view and the marts",
        *(f"{megabytes(size.facts['database_bytes_at_end'])} MB" for size in sizes),
    )


def _seconds(seconds: float | None) -> str:
    return "did not pass" if seconds is None else f"{seconds:.3f} s" if seconds < 1 else f"{seconds:.1f} s"


def _dbt_rows(sizes: list[Measured]) -> Iterable[tuple[str, ...]]:
    for name, runs in sizes[-1].dbt.items():
        yield f"{name} (`{runs[0].command}`)", *(_dbt_cell(size, name) for size in sizes)


def _dbt_cell(size: Measured, name: str) -> str:
    runs = size.dbt.get(name, [])
    whole, postgres = median_seconds(runs, "seconds"), median_seconds(runs, "postgres_seconds")
    if whole is None:
        return next((f"{run.outcome} after {run.seconds:.0f} s" for run in runs if run.outcome != "passed"), "–")
    return f"{whole:.1f} / {postgres:.1f}"
