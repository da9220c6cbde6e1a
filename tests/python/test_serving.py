"""What stands before the boards' server, with an application in its place that draws as slowly as a test wants."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import boards.front
import pytest
from boards.front import Answer, Front
from boards.reuse import Reuse
from clones import PATIENCE_SECONDS

HOST = "127.0.0.1:1"


class Drawing:
    """An application whose pages are drawn when the test lets them: `begun` has their addresses."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.most = self.at_work = 0
        self.go = asyncio.Event()
        self.status = 200

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        self.begun.append(scope["query_string"].decode())
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        await self.go.wait()
        self.at_work -= 1
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": f"page {len(self.begun)} of /srv/secret".encode()})


async def ask(front: Front, query: str = "") -> Answer:
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    headers = [(b"host", HOST.encode())]
    scope = {"type": "http", "method": "GET", "path": "/spend/", "query_string": query.encode(), "headers": headers}
    await front(scope, asyncio.Event().wait, send)
    return Answer(sent[0]["status"], sent[0]["headers"], sent[1]["body"])


def with_front(test: Callable[[Front, Drawing], Awaitable[None]]) -> None:
    async def run() -> None:
        drawing = Drawing()
        await asyncio.wait_for(test(Front(drawing, [HOST], str.upper), drawing), PATIENCE_SECONDS)

    asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_a_page_is_drawn_once_for_all_who_ask() -> None:
    async def test(front: Front, drawing: Drawing) -> None:
        asking = [asyncio.create_task(ask(front)) for _ in range(50)]
        await until(lambda: bool(drawing.begun))
        asking.pop(0).cancel()  # who has asked first does not wait for it
        drawing.go.set()
        answers = await asyncio.gather(*asking)
        assert {(answer.status, answer.body) for answer in answers} == {(200, b"PAGE 1 OF /SRV/SECRET")}
        assert await ask(front) == answers[0]
        assert len(drawing.begun) == 1

    with_front(test)


def test_few_pages_are_drawn_at_a_time() -> None:
    async def test(front: Front, drawing: Drawing) -> None:
        asking = [asyncio.create_task(ask(front, f"service={number}")) for number in range(20)]
        await until(lambda: len(drawing.begun) == boards.front.DRAWN_AT_ONCE)
        drawing.go.set()
        assert [answer.status for answer in await asyncio.gather(*asking)] == [200] * 20
        assert drawing.most == boards.front.DRAWN_AT_ONCE

    with_front(test)


def test_a_page_that_takes_long_is_there_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards.front, "PATIENCE_SECONDS", 0.01)

    async def test(front: Front, drawing: Drawing) -> None:
        late = await ask(front)
        assert late.status == 503 and b"load the page again" in late.body
        drawing.go.set()
        await until(lambda: not front.tasks)
        assert (await ask(front)).status == 200
        assert len(drawing.begun) == 1

    with_front(test)


def test_who_comes_too_late_in_a_crowd_is_sent_away() -> None:
    async def test(front: Front, drawing: Drawing) -> None:
        crowd = [asyncio.create_task(ask(front, f"service={n}")) for n in range(boards.front.MOST_WAITING)]
        await until(lambda: len(front.tasks) == boards.front.MOST_WAITING)
        assert (await ask(front, "service=late")).status == 503
        drawing.go.set()
        await asyncio.gather(*crowd)
        assert (await ask(front, "service=late")).status == 200

    with_front(test)


def test_what_has_failed_is_tried_again() -> None:
    async def test(front: Front, drawing: Drawing) -> None:
        drawing.go.set()
        drawing.status = 500
        failed = await ask(front)
        assert failed.status == 500 and b"secret" not in failed.body
        drawing.status = 200
        assert (await ask(front)).status == 200

    with_front(test)


def test_a_result_is_made_once_by_several_threads_and_not_for_ever() -> None:
    made: list[int] = []
    go, clock = threading.Event(), [0.0]
    reuse: Reuse[int] = Reuse(5, 2, lambda result: result >= 0)

    def make() -> int:
        made.append(1)
        go.wait(PATIENCE_SECONDS)
        return len(made)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("boards.reuse.time.monotonic", lambda: clock[0])
        got: list[int] = []
        threads = [threading.Thread(target=lambda: got.append(reuse.get("a", make))) for _ in range(8)]
        for thread in threads:
            thread.start()
        go.set()
        for thread in threads:
            thread.join()
        assert (got, len(made)) == ([1] * 8, 1)
        clock[0] = 4.9
        assert reuse.get("a", make) == 1
        clock[0] = 5.1
        assert reuse.get("a", make) == 2
        # the newest two
        assert [reuse.get(key, make) for key in ("b", "c", "a", "c")] == [3, 4, 5, 4]
        assert [reuse.get("bad", lambda: -1), reuse.get("bad", lambda: 7)] == [-1, 7]
        with pytest.raises(ZeroDivisionError):
            reuse.get("error", lambda: 1 // 0)
        assert reuse.get("error", lambda: 8) == 8
