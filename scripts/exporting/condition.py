"""Check the condition of --where: what may be in it is listed, so that it can only compare columns with values.

Read-only and the reporter's rights are no fence by themselves: a function can change the role of its session, read a
file of the server or end another's session, and a semicolon can begin another statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from errors import UserFacingError

# What a condition may use but for columns and values.
WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        and or not in is null true false unknown like ilike between symmetric distinct from escape any some all array
        case when then else end at time zone current_date current_timestamp

        now lower upper length left right btrim starts_with coalesce nullif greatest least abs round floor ceil
        date_trunc date_part cardinality
        """,
    )
)
TYPES = frozenset(
    re.findall(r"\w+", "text integer int bigint numeric boolean uuid date timestamp timestamptz interval")
)

TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")+")
    | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d]\w*)
    | (?P<operator>[-+*/<>=~!@\#%^&|?:]+)
    | (?P<mark>[(),\[\]])
    """,
    re.VERBOSE,
)


def check_condition(condition: str, columns: Iterable[str]) -> None:
    """Raise UserFacingError unless every token is a column, a value, or one of the lists above."""
    columns = set(columns)
    allowed = columns | WORDS | TYPES
    position = depth = 0
    while position < len(condition):
        token = TOKEN.match(condition, position)
        if not token or "\0" in token[0]:
            _refuse(f"{condition[position : position + 20]!r} cannot be read")
        kind, text = token.lastgroup, token[0]
        follows = condition[token.end() : token.end() + 1]
        if kind == "word" and text.lower() not in allowed:
            _refuse(f"'{text}' is no column here, nor a function or word that a condition may use")
        # e'…', x'…', u&'…': other rules for what ends a text
        if kind == "word" and follows == "'" and text.lower() not in TYPES:
            _refuse(f"write a text as '…', without '{text}' before it")
        if kind == "quoted" and text[1:-1].replace('""', '"') not in columns:
            _refuse(f"{text} is no column here; a text is written as '…'")
        if kind == "operator" and ("--" in text or "/*" in text):
            _refuse("a condition has no comments")
        depth += (text == "(") - (text == ")") if kind == "mark" else 0
        if depth < 0:
            break
        position = token.end()
    if depth:
        _refuse("its parentheses do not match")


def _refuse(reason: str) -> None:
    raise UserFacingError(f"The condition of --where is refused: {reason}.")
