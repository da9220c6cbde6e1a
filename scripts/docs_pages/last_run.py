"""What the last run did: from dbt's run_results.json, and from the log of scheduled runs where there is one."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import psycopg2
from psycopg2.extensions import connection as Connection

from docs_pages.layout import table, text

BAD = ("error", "fail", "runtime error")
NOT_BUILT = ("operation.", "exposure.")
SCHEDULED = """
select to_char(started_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), status, seconds, message
from analytics_audit.last_runs
order by started_at desc
limit 5
"""


def last_run_body(results: dict) -> str:
    """Time, length and outcome of a run, and what failed or warned in it."""
    at = datetime.fromisoformat(results["metadata"]["generated_at"].replace("Z", "+00:00"))
    nodes = [result for result in results["results"] if not result["unique_id"].startswith(NOT_BUILT)]
    counts = Counter(result["status"] for result in nodes)
    bad = sum(counts[status] for status in BAD)
    outcome = f'<span class="bad">{bad} failed</span>' if bad else '<span class="good">all well</span>'
    said = ", ".join(f"{count} {text(status)}" for status, count in counts.most_common())
    body = (
        f"<p>{at:%Y-%m-%d %H:%M} UTC, in {results['elapsed_time']:.0f} s: {outcome}. "
        f"Of {len(nodes)} models, seeds and tests: {said}.</p>"
    )
    odd = [result for result in nodes if result["status"] in (*BAD, "warn")]
    rows = [
        (_kind(result["status"]), text(result["unique_id"].split(".")[2]), text(result["failures"]))
        for result in sorted(odd, key=lambda result: (result["status"] == "warn", -(result["failures"] or 0)))
    ]
    if rows:
        body += "<p>Warnings are defects of the source: its rows are in <code>analytics_audit</code>.</p>"
        body += table(("outcome", "name", "rows"), rows)
    return body


def scheduled_runs_body(connection: Connection) -> str:
    """The newest scheduled runs; empty if there were none, or they cannot be read."""
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(SCHEDULED)
            runs = cursor.fetchall()
    except psycopg2.Error:
        return ""
    if not runs:
        return ""
    rows = [(text(at), _kind(status), text(seconds), text(message)) for at, status, seconds, message in runs]
    return "<h3>Scheduled runs</h3>" + table(("start (UTC)", "outcome", "seconds", "message"), rows)


def _kind(status: str) -> str:
    style = {"ok": "good", "warn": "warn", "running": "warn"}.get(status, "bad")
    return f'<span class="{style}">{text(status)}</span>'
