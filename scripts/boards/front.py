"""What stands before dct's server: who is answered, what may be asked, and how much is drawn at a time.

dct serves whoever develops boards: it has pages on the database's tables, and shows traces. Here are the boards alone.
"""

from __future__ import annotations

import asyncio
import html
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from boards.parameters import BadParameter, check_parameters
from boards.reuse import Reuse
from boards.workplace import BOARDS, board_files

REUSED_SECONDS = 5
MOST_KEPT = 50  # pages, of half a megabyte each at most
DRAWN_AT_ONCE = 2
MOST_WAITING = 100
PATIENCE_SECONDS = 25
BOARD = re.compile(r"/([a-z_]+)(?:\.(?:svg|png|pdf))?/?")
PASSED_ON = re.compile(r"/static/fonts/[\w.-]+|/__livereload")
NO_ADDRESS = re.compile(r"[\\\x00-\x1f]|(?:^|/)\.\.(?:/|$)")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em">
<main><h1>{title}</h1><p>{sentence}</p><p><a href="/">All boards</a></p></main>
</body>
</html>
"""
TITLES = {
    400: "This cannot be asked",
    404: "There is no such page",
    405: "This cannot be asked",
    421: "This is another server",
    500: "This board cannot be shown",
    503: "The boards are busy",
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    async def send(self, send: Callable) -> None:
        headers = [header for header in self.headers if header[0].lower() != b"content-length"]
        headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def answer_in_words(status: int, sentence: str) -> Answer:
    """A page that says in one sentence why there is nothing to see."""
    text = PAGE.format(title=TITLES[status], sentence=html.escape(sentence))
    return Answer(status, [(b"content-type", b"text/html; charset=utf-8")], text.encode())


class Front:
    """An ASGI application around dct's. `hosts` are the names by which this server is called.

    `change` is what is done to a page of dct's before it is sent.
    """

    def __init__(self, app: Any, hosts: list[str], change: Callable[[str], str]):
        self.app = app
        self.hosts = hosts
        self.change = change
        self.answers: Reuse[Answer] = Reuse(REUSED_SECONDS, MOST_KEPT, lambda answer: answer.status == 200)
        self.drawing = asyncio.Semaphore(DRAWN_AT_ONCE)
        self.tasks: set[asyncio.Task] = set()

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal:
            await refusal.send(send)
        elif PASSED_ON.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
        elif scope["path"] == "/health":
            await Answer(200, [(b"content-type", b"application/json")], b'{"status":"ok"}').send(send)
        else:
            await (await self._answer(scope)).send(send)

    def _refusal(self, scope: dict) -> Answer | None:
        # A page of another website may have this machine's address by a name of its own, and would be let read ours.
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name.lower() == b"host"]
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return answer_in_words(421, f"Call it by its own name: http://{self.hosts[0]}/.")
        if scope["method"] != "GET":
            return answer_in_words(405, "The boards can only be read.")
        path = scope["path"]
        if NO_ADDRESS.search(path):
            return answer_in_words(400, "This is no address of a board.")
        if path in ("/", "/health") or PASSED_ON.fullmatch(path):
            return None
        board = BOARD.fullmatch(path)
        files = {file.stem: file for file in board_files()}
        if not board or board[1] not in files:
            return answer_in_words(404, f"The boards are {', '.join(files)}.")
        try:
            check_parameters(files[board[1]], _parameters(scope))
        except BadParameter as error:
            return answer_in_words(400, str(error))
        return None

    async def _answer(self, scope: dict) -> Answer:
        """The page, which is drawn once for all who ask for it meanwhile, and for some seconds after that."""
        changed_at = max(file.stat().st_mtime_ns for file in (BOARDS / "charts").iterdir())
        key = (scope["path"].rstrip("/"), tuple(_parameters(scope)), changed_at)
        if len(self.tasks) >= MOST_WAITING:
            return answer_in_words(503, "Too many boards are being drawn: load the page again in a while.")
        future, is_mine = self.answers.begin(key)
        if is_mine:
            # Not of this request, which may be broken off while others wait for the same.
            task = asyncio.create_task(self._draw(key, scope))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), PATIENCE_SECONDS)
        except asyncio.TimeoutError:
            return answer_in_words(503, "It takes long to draw this board: load the page again in a while.")

    async def _draw(self, key: tuple, scope: dict) -> None:
        async with self.drawing:
            try:
                answer = await self._ask(scope)
            except Exception as error:
                print(f"{scope['path']}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                answer = in_trouble()
        self.answers.finish(key, answer)

    async def _ask(self, scope: dict) -> Answer:
        """dct's answer as a whole."""
        start: dict = {}
        body = bytearray()

        async def nothing_more() -> dict:
            if not asked:
                asked.append(True)
                return {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.Event().wait()

        async def keep(message: dict) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        asked: list[bool] = []
        await self.app(dict(scope), nothing_more, keep)
        if start["status"] >= 500:
            return in_trouble()
        headers = list(start["headers"])
        if dict(headers).get(b"content-type", b"").startswith(b"text/html"):
            body[:] = self.change(body.decode()).encode()
        return Answer(start["status"], headers, bytes(body))


def in_trouble() -> Answer:
    """What is wrong is said where ./scripts/dashboards serve was started: it may name files, servers and roles."""
    return answer_in_words(500, "Something went wrong; the terminal of ./scripts/dashboards serve says what.")


def _parameters(scope: dict) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
