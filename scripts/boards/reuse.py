"""The same thing once at a time, and its result again for some seconds."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Entry(Generic[T]):
    future: Future[T]
    until: float | None = None  # none while it is being made


class Reuse(Generic[T]):
    """Results by key, for threads. Those for which `is_worth` is false are given to who has waited, and to nobody else.

    At most `most` are kept, the newest.
    """

    def __init__(self, seconds: float, most: int, is_worth: Callable[[T], bool]):
        self._seconds, self._most, self._is_worth = seconds, most, is_worth
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result of `make`, of this call or of one that was for the same key a moment ago."""
        future, is_mine = self.begin(key)
        if is_mine:
            try:
                self.finish(key, make())
            except BaseException as error:
                self.give_up(key, error)
        return future.result()

    def begin(self, key: Hashable) -> tuple[Future[T], bool]:
        """What will have the result, and whether the caller is to make it."""
        with self._lock:
            self._forget()
            entry = self._entries.get(key)
            if entry:
                return entry.future, False
            self._entries[key] = _Entry(Future())
            return self._entries[key].future, True

    def finish(self, key: Hashable, result: T) -> None:
        with self._lock:
            entry = self._entries.pop(key)
            if self._is_worth(result):
                entry.until = time.monotonic() + self._seconds
                self._entries[key] = entry
        entry.future.set_result(result)

    def give_up(self, key: Hashable, error: BaseException) -> None:
        with self._lock:
            entry = self._entries.pop(key)
        entry.future.set_exception(error)

    def _forget(self) -> None:
        """What is too old, and the oldest of what is too much."""
        now = time.monotonic()
        done = [key for key, entry in self._entries.items() if entry.until is not None]
        for number, key in enumerate(reversed(done)):
            if number >= self._most or self._entries[key].until <= now:
                del self._entries[key]
