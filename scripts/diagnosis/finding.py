"""What an examination finds, and what all examinations are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

SEVERITIES = ("ok", "info", "warning", "error")
"""From nothing to be done, over what is worth knowing and what should be done, to what stops a run or hides rows."""

SECTIONS = {
    "roles": ("docs/rights.md", "Roles"),
    "types": ("docs/other-names.md", "Tables of other names"),
    "views": ("docs/other-names.md", "Tables of other names"),
}
"""Where findings send to: file and heading."""


@dataclass(frozen=True)
class Finding:
    """`code` is stable, for programs; `object` is a table, column, constraint, role or setting.

    `remedy` is SQL if it ends in a semicolon, else a command or a sentence.
    """

    code: str
    severity: str
    object: str
    message: str
    remedy: str | None = None


@dataclass(frozen=True)
class SourceTable:
    """A table of the application as the project declares it. `kinds` maps each column to its declared type.

    `feeds` are the marts that have their rows from it, and `column_feeds` the columns of marts that have their values
    from each column; `without` says what a missing column changes beyond that. `parents` gives the tables in which the
    values of a column are looked up. `secrets` are columns that no model reads.
    """

    name: str
    kinds: dict[str, str]
    feeds: tuple[str, ...]
    column_feeds: dict[str, tuple[str, ...]]
    without: dict[str, str]
    parents: dict[str, tuple[str, ...]]
    secrets: tuple[str, ...]
    time_column: str | None


@dataclass(frozen=True)
class Patient:
    """A connection that cannot write, the declared tables, and what the project's macros say (`state`)."""

    connection: Connection
    tables: dict[str, SourceTable]
    state: dict[str, Any]
    is_embedded: bool

    @property
    def role(self) -> str:
        return self.connection.info.user

    @property
    def schema(self) -> str:
        return self.state["schema"]

    @property
    def present(self) -> dict[str, dict[str, str]]:
        """The columns that the role may read, with their types, by table; empty for a table that is missing."""
        return self.state["present"]

    def query(self, statement: str | sql.Composable, *values: Any) -> list[tuple]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall()


def see(subject: str) -> str:
    """The place in the documentation, as a remedy cites it."""
    file, heading = SECTIONS[subject]
    return f'{file}, "{heading}"'


def in_one_line(error: psycopg2.Error) -> str:
    """What the server says, with the first line of what it adds."""
    parts = (error.diag.message_primary or str(error), error.diag.message_detail)
    return ": ".join(part.strip().partition("\n")[0] for part in parts if part)


def quoted(*names: str) -> str:
    """Names as SQL has them, with dots between."""
    return ".".join('"{}"'.format(name.replace('"', '""')) for name in names)


def listed(names: list[str], most: int = 8) -> str:
    """Names in one line, the first few if there are many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
