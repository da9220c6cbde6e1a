"""dct, whose server also lets its lists be used by keyboard and says which language its pages are in.

Called by scripts/dashboards.py with dct's arguments.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from dbt_charts.core.serve import server
from starlette.middleware import Middleware

SCRIPT = f"<script>{(Path(__file__).parent / 'keyboard.js').read_text(encoding='utf-8')}</script>"


class PageAdditions:
    """Adds to each page of the application; other answers go through as they are."""

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        start: dict = {}
        body = bytearray()

        async def add(message: dict) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                start.update(message)
            elif start and message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    page = _with_additions(body.decode()).encode()
                    kept = [header for header in start["headers"] if header[0].lower() != b"content-length"]
                    await send({**start, "headers": [*kept, (b"content-length", str(len(page)).encode())]})
                    await send({"type": "http.response.body", "body": page})
            else:
                await send(message)

        await self.app(scope, receive, add)


def _is_page(start: dict) -> bool:
    headers = {name.lower(): value for name, value in start.get("headers", [])}
    return headers.get(b"content-type", b"").startswith(b"text/html") and b"content-encoding" not in headers


def _with_additions(page: str) -> str:
    return page.replace("<html>", '<html lang="en">', 1).replace("</body>", f"{SCRIPT}</body>", 1)


if __name__ == "__main__":
    server.FastAPI = functools.partial(server.FastAPI, middleware=[Middleware(PageAdditions)])
    from dbt_charts.cli.main import app

    app()
