"""What may be asked of a board in its address: the filters that it has, with values that they can take."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path

import yaml

FORMATS = ("svg", "png", "pdf")
EMBEDDED = "_embed"  # dct's: without its navigation
LONGEST_VALUE = 1_000


class BadParameter(Exception):
    """A parameter that no board can take; the message says so to whoever has asked."""


def check_parameters(board: Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Raise BadParameter if the parameters of a request are none of this board's."""
    filters = _filters(board, board.stat().st_mtime_ns)
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if name == "format" and value not in FORMATS:
            raise BadParameter(f"format is one of {', '.join(FORMATS)}.")
        if name not in (*filters, "format", EMBEDDED):
            raise BadParameter(f"This board has no filter of that name: take one of {', '.join(filters)}.")
        if "\0" in value or len(value) > LONGEST_VALUE:
            raise BadParameter(f"The value of {name} is no text of at most {LONGEST_VALUE:,} characters.")
        values.setdefault(name, []).append(value)
    for name, given in values.items():
        kind = filters.get(name)
        members = _members(given)
        if kind == "daterange" and members and not (len(members) == 2 and all(map(_is_day, members))):
            raise BadParameter(f'{name} is ["2026-01-01","2026-01-31"], two days, of which either may be empty.')
        if kind == "multiselect" and not all(isinstance(member, str) for member in members):
            raise BadParameter(f"{name} is one text, or a list of texts.")


@lru_cache(maxsize=32)
def _filters(board: Path, changed_at: int) -> dict[str, str]:
    variables = yaml.safe_load(board.read_text(encoding="utf-8")).get("variables", {})
    return {name: variable["input"] for name, variable in variables.items()}


def _members(given: list[str]) -> list:
    """As dct reads them: a list in JSON, or the same name several times; an empty text is no value."""
    if len(given) > 1:
        return given
    text = given[0]
    if text.startswith(("[", "{")):
        try:
            value = json.loads(text)
        except ValueError:
            return [text]
        except RecursionError:
            return [None]
        return value if isinstance(value, list) else [value]
    return [text] if text.strip() else []


def _is_day(member: object) -> bool:
    if member is None or (isinstance(member, str) and not member.strip()):
        return True
    try:
        return isinstance(member, str) and bool(date.fromisoformat(member.strip()))
    except ValueError:
        return False
