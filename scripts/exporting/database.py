"""The connection of an export, and the rows that it reads."""

from __future__ import annotations

import os
from collections.abc import Iterator

import embedded_postgres
import own_database
import psycopg2
import psycopg2.extras
import yaml
from embedded_postgres import REPOSITORY, SAMPLE_DATABASE
from errors import UserFacingError
from psycopg2 import sql
from psycopg2.extensions import Column, new_array_type, register_type
from psycopg2.extensions import connection as Connection

ROWS_PER_FETCH = 2_000
UUIDS = 2951  # PostgreSQL's number of the type uuid[]
# Names mean PostgreSQL's own functions, operators and types, and a text ends at its quotation mark.
SETTINGS = {
    "search_path": "pg_catalog, pg_temp",
    "standard_conforming_strings": "on",
    "TimeZone": "UTC",
    "jit": "off",
    # All rows will be fetched: the planner would else look for the fastest first tenth.
    "cursor_tuple_fraction": "1",
    "lock_timeout": "10s",
    # For each fetch; and for a reader of our output who has stopped reading, since an open transaction holds up vacuum.
    "statement_timeout": "15min",
    "idle_in_transaction_session_timeout": "15min",
}


def connect() -> Connection:
    """A connection to the database that ./scripts/run would use. Raises UserFacingError."""
    if own_database.is_named(os.environ):
        variables = own_database.libpq_environment(os.environ)
        os.environ.update(variables)
        return own_database.connect(variables)
    if not embedded_postgres.DEFAULT_DATA_DIR.exists():
        raise UserFacingError("No database to read: set DATABASE_URL, or run ./scripts/run for one with sample data.")
    server = embedded_postgres.start(embedded_postgres.DEFAULT_DATA_DIR)
    return psycopg2.connect(server.dsn(SAMPLE_DATABASE))


class Reader:
    """Reads one query in one read-only transaction. `columns` are psycopg2's, `role` is the one that reads."""

    def __init__(self, connection: Connection, query: str):
        self.connection = connection
        self.query = query
        connection.set_session(readonly=True, autocommit=False)
        # JSON as its text, a list of uuids as a list of texts
        psycopg2.extras.register_default_jsonb(connection, loads=str)
        register_type(new_array_type((UUIDS,), "UUID[]", psycopg2.STRING), connection)
        with connection.cursor() as cursor:
            for name, value in SETTINGS.items():
                cursor.execute("select set_config(%s, %s, false)", (name, value))
            self.role = _become_reporter(cursor)
            self.columns = self._describe(cursor)

    def rows(self, condition: str | None, order: str | None, as_json: bool) -> Iterator[tuple]:
        """The rows, a portion at a time; with `as_json` each is one text, an object by column.

        `condition` must have passed check_condition. Raises UserFacingError.
        """
        chosen = f"select * from ({self.query}) as report"
        if condition:
            chosen += f"\nwhere (\n{condition}\n)"
        if order:
            chosen += f"\norder by {order}"
        if as_json:
            chosen = f"select row_to_json(chosen)::text from ({chosen}) as chosen"
        try:
            with self.connection.cursor("export") as cursor:
                cursor.itersize = ROWS_PER_FETCH
                cursor.execute(chosen)
                yield from cursor
        except psycopg2.errors.SyntaxError as error:
            raise UserFacingError(f"The condition of --where is no SQL condition: {_line(error)}.") from error
        except psycopg2.Error as error:
            raise UserFacingError(f"The database could not give the rows: {_line(error)}.") from error

    def _describe(self, cursor) -> tuple[Column, ...]:
        try:
            cursor.execute(f"select * from ({self.query}) as report limit 0")
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName, psycopg2.errors.UndefinedColumn):
            raise UserFacingError("The marts are not there, or not of this version: run ./scripts/run first.") from None
        except psycopg2.Error as error:
            raise UserFacingError(f"{self.role} cannot read it: {_line(error)}.") from error
        return cursor.description


def _become_reporter(cursor) -> str:
    """Take the reporter's role for the session, where it exists and the connected one may; returns who reads."""
    variables = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    cursor.execute("savepoint before")
    try:
        cursor.execute(sql.SQL("set local role {}").format(sql.Identifier(variables["reporter_role"])))
    except (psycopg2.errors.InvalidParameterValue, psycopg2.errors.InsufficientPrivilege):
        cursor.execute("rollback to savepoint before")
    cursor.execute("select current_user")
    return cursor.fetchone()[0]


def _line(error: psycopg2.Error) -> str:
    return (error.diag.message_primary or str(error)).strip().partition("\n")[0].rstrip(".")
