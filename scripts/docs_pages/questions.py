"""The ready questions (analyses/) with their answers at this moment, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg2
import yaml
from embedded_postgres import REPOSITORY
from psycopg2 import NUMBER
from psycopg2.extensions import connection as Connection

SHOWN_ROWS = {"page": 20, "file": 5}
TIMEOUT = "30s"


@dataclass(frozen=True)
class Answers:
    """The questions with their answers of one moment, for a page of their own and for a file of the repository."""

    page: str
    """With the queries: it is passed on."""
    file: str
    """With links to the queries, which lie beside it, and the first rows of each answer."""


def answered_questions(code: Mapping[str, str], connection: Connection) -> Answers:
    """Each question as a section: how to read the answer, the answer, the query. `code` has the SQL by name.

    All answers are of one moment, though midnight pass meanwhile. A question that cannot be answered says why.
    Personal data is not shown: the page is made to be passed on.
    """
    personal = _personal_columns()
    page, file = [], []
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
        answer = _answer(query, analysis["config"]["meta"]["none"], personal, connection)
        heading = f"## {question}{mark.strip()}\n\n{reading}"
        page.append(f"{heading}\n\n{answer(SHOWN_ROWS['page'])}\n\n`{name}`:\n\n```sql\n{query}\n```\n")
        file.append(f"{heading} Query: [`{name}`](../analyses/{name}.sql).\n\n{answer(SHOWN_ROWS['file'])}\n")
    connection.rollback()
    about = "Phone numbers, e-mail addresses and the like are not shown here.\n\n"
    title = f"# Questions\n\nThe answers are of {moment}"
    return Answers(
        page=f"{title}. To ask again, use the query, or `dbt show --limit 20 --select` and the name above it. {about}"
        + "\n".join(page),
        file=f"{title}, on the sample data. Those on your database are in `site/questions.html` after `./scripts/run`. "
        f"To ask again, `dbt show --limit 20 --select` and the query's name. {about}" + "\n".join(file),
    )


def _personal_columns() -> set[str]:
    marts = yaml.safe_load((REPOSITORY / "models" / "marts" / "marts.yml").read_text(encoding="utf-8"))["models"]
    columns = (column for mart in marts for column in mart["columns"])
    return {column["name"] for column in columns if "personal" in column.get("config", {}).get("meta", {})}


def _without_database(code: str, database: str) -> str:
    """Nobody writes the database before the schema."""
    return re.sub(rf'"{re.escape(database)}"\."(\w+)"\."(\w+)"', r"\1.\2", code).strip()


def _answer(code: str, none: str, personal: set[str], connection: Connection) -> Callable[[int], str]:
    """The answer of the transaction's moment, in so many rows; what goes wrong ends the query, not the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("savepoint question")
        try:
            cursor.execute(code)
            names = [column.name for column in cursor.description]
            are_numbers = [column.type_code == NUMBER for column in cursor.description]
            # nothing but a day, zeros and NULL is no answer
            rows = [row for row in cursor if any(value and not isinstance(value, date) for value in row)]
        except psycopg2.Error as error:
            reason = f"No answer: {_cell('', str(error).partition(chr(10))[0])}."
            return lambda _: reason
        finally:
            cursor.execute("rollback to savepoint question")
    if not rows:
        return lambda _: none
    rule = ["--:" if is_number else "---" for is_number in are_numbers]
    lines = [
        ["(not shown)" if name in personal else _cell(name, value) for name, value in zip(names, row, strict=True)]
        for row in rows
    ]

    def table(shown: int) -> str:
        more = f"\n\n… and {len(rows) - shown:,} more." if len(rows) > shown else ""
        return "\n".join(map(_line, [[name.replace("_", " ") for name in names], rule, *lines[:shown]])) + more

    return table


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
