"""The ready questions (analyses/) with their answers at this moment, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg2
import yaml
from embedded_postgres import REPOSITORY
from psycopg2 import NUMBER
from psycopg2.extensions import connection as Connection

SHOWN_ROWS = 20
TIMEOUT = "30s"


def questions_markdown(code: Mapping[str, str], connection: Connection) -> str:
    """Each question as a section: how to read the answer, the answer, the query. `code` has the SQL by name.

    All answers are of one moment, though midnight pass meanwhile. A question that cannot be answered says why.
    Personal data is not shown: the page is made to be passed on.
    """
    personal = _personal_columns()
    sections = []
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute(
            "set transaction isolation level repeatable read, read only;"
            f"set local statement_timeout = '{TIMEOUT}';"
            "select to_char(now(), 'FMDD FMMonth YYYY, HH24:MI TZ')"
        )
        (moment,) = cursor.fetchone()
    for analysis in yaml.safe_load((REPOSITORY / "analyses" / "questions.yml").read_text(encoding="utf-8"))["analyses"]:
        name = analysis["name"]
        question, mark, reading = analysis["description"].partition("? ")
        query = _without_database(code[name], connection.info.dbname)
        answer = _answer(query, personal, connection)
        sections.append(f"## {question}{mark.strip()}\n\n{reading}\n\n{answer}\n\n`{name}`:\n\n```sql\n{query}\n```\n")
    connection.rollback()
    return (
        f"# Questions\n\nThe answers are of {moment}. To ask again, use the query, or `dbt show --limit 20 --select` "
        "and the name above it. Phone numbers, e-mail addresses and the like are not shown here.\n\n"
    ) + "\n".join(sections)


def _personal_columns() -> set[str]:
    marts = yaml.safe_load((REPOSITORY / "models" / "marts" / "marts.yml").read_text(encoding="utf-8"))["models"]
    columns = (column for mart in marts for column in mart["columns"])
    return {column["name"] for column in columns if "personal" in column.get("config", {}).get("meta", {})}


def _without_database(code: str, database: str) -> str:
    """Nobody writes the database before the schema."""
    return re.sub(rf'"{re.escape(database)}"\."(\w+)"\."(\w+)"', r"\1.\2", code).strip()


def _answer(code: str, personal: set[str], connection: Connection) -> str:
    """The answer of the transaction's moment; what goes wrong ends the query, and not the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("savepoint question")
        try:
            cursor.execute(code)
            names = [column.name for column in cursor.description]
            are_numbers = [column.type_code == NUMBER for column in cursor.description]
            rows = cursor.fetchall()
        except psycopg2.Error as error:
            return f"No answer: {_cell('', str(error).partition(chr(10))[0])}."
        finally:
            cursor.execute("rollback to savepoint question")
    if not rows:
        return "None."
    rule = ["--:" if is_number else "---" for is_number in are_numbers]
    shown = [
        ["(not shown)" if name in personal else _cell(name, value) for name, value in zip(names, row, strict=True)]
        for row in rows[:SHOWN_ROWS]
    ]
    more = f"\n\n… and {len(rows) - SHOWN_ROWS:,} more." if len(rows) > SHOWN_ROWS else ""
    return "\n".join(map(_line, [[name.replace("_", " ") for name in names], rule, *shown])) + more


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(name: str, value: Any) -> str:
    """A value as a reader wants it; of a text, nothing is markup."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, Decimal):
        return f"{value:,.1f}" if name.endswith("_percentage") else f"{value:,.4f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return f"{value:,}"
    return re.sub(r"([\\`*_{}\[\]()<>#|~!&:@/])", r"\\\1", " ".join(str(value).split()))
