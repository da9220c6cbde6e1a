"""dct, whose server shows the boards and nothing else, and only to whoever calls it by its own name.

Its lists can be used by keyboard, and its pages say which language they are in and are dark where the reader's system
is. Called by scripts/dashboards.py with dct's arguments.
"""

from __future__ import annotations

import copy
import functools
import sys
from pathlib import Path
from typing import Any

from dbt_charts.core.execute.adapters.sql_adapter import SqlAdapter
from dbt_charts.core.serve import server
from starlette.middleware import Middleware
from starlette.responses import Response

from boards.front import REUSED_SECONDS, Front, in_trouble
from boards.pages import DARK
from boards.reuse import Reuse

SCRIPT = f"<script>{(Path(__file__).parent / 'keyboard.js').read_text(encoding='utf-8')}</script>"
MOST_RESULTS = 200


def with_additions(page: str) -> str:
    page = page.replace("</head>", f"<style>{DARK}</style></head>", 1)
    return page.replace("<html>", '<html lang="en">', 1).replace("</body>", f"{SCRIPT}</body>", 1)


def say_in_terminal(result: Any, request_path: str, *_: Any, **__: Any) -> Response:
    """In place of dct's page of errors, which names files and servers."""
    for error in filter(None, (result.board_error, *result.validation_errors, *result.chart_errors)):
        print(f"{request_path}: {error.message} {error.hint or ''}".rstrip(), file=sys.stderr, flush=True)
    answer = in_trouble()
    return Response(answer.body, answer.status)


def reused(execute: Any) -> Any:
    """The same query once at a time, and its rows again for some seconds: each caller has rows of its own."""
    results: Reuse[Any] = Reuse(REUSED_SECONDS, MOST_RESULTS, lambda result: result.is_success)

    @functools.wraps(execute)
    def execute_once(adapter: Any, prepared: Any, query: Any, source_config: Any) -> Any:
        key = (prepared.sql, prepared.setup_sql, prepared.row_fetch_limit)
        result = copy.copy(results.get(key, lambda: execute(adapter, prepared, query, source_config)))
        result.data = [dict(row) for row in result.data]
        return result

    return execute_once


if __name__ == "__main__":
    port = sys.argv[sys.argv.index("--port") + 1]
    hosts = [f"127.0.0.1:{port}", f"localhost:{port}"]
    hosts += ["127.0.0.1", "localhost"] if port == "80" else []  # which browsers leave out
    front = Middleware(Front, hosts=hosts, change=with_additions)
    server.FastAPI = functools.partial(server.FastAPI, middleware=[front], openapi_url=None)
    server._render_structured_errors_html = say_in_terminal
    SqlAdapter.execute_prepared = reused(SqlAdapter.execute_prepared)
    from dbt_charts.cli.main import app

    app()
