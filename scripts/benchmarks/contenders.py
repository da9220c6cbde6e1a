"""Four ways to answer the panels over the same rows. Each takes SQL and returns the answer's rows."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import psycopg2
from psycopg2.extensions import connection as Connection

from benchmarks import source
from benchmarks.panels import NAMES_TABLE, VIEW_NAME, view_definition
from benchmarks.timing import TookTooLongError, timed

Ask = Callable[[str], list[tuple]]

DUCKDB_THREADS = 2
SOURCE_PATH = "public,benchmark"
MARTS_PATH = "analytics"
# What the panels read; times are in UTC in both databases.
_COPIED = {
    "api_usage": {
        "campaign_id": "uuid",
        "service": "varchar",
        "cost": "decimal(10, 4)",
        "created_at": "timestamp",
    },
    "api_usage_log": {
        "campaign_id": "uuid",
        "api_service": "varchar",
        "request_cost": "decimal(8, 4)",
        "created_at": "timestamp",
    },
    "campaigns": {"id": "uuid", "name": "varchar"},
}


@contextmanager
def postgres(dsn: str, search_path: str, limit_seconds: float) -> Iterator[Ask]:
    """Questions to PostgreSQL, each planned anew."""
    with source.connect(dsn, limit_seconds, search_path) as connection:

        def ask(statement: str) -> list[tuple]:
            with connection.cursor() as cursor:
                try:
                    cursor.execute(statement)
                except psycopg2.errors.QueryCanceled as error:
                    raise TookTooLongError from error
                return cursor.fetchall()

        yield ask


def planning_seconds(ask: Ask, statement: str) -> float:
    """What PostgreSQL says planning the statement takes; it is not carried out."""
    (((plan,),),) = ask(f"explain (summary, format json) {statement}")
    return plan["Planning Time"] / 1000


def create_view(connection: Connection) -> float:
    """Make the materialized view with its indexes; returns the seconds that refreshing it takes."""
    with connection.cursor() as cursor:
        cursor.execute(f"create materialized view {VIEW_NAME} as {view_definition()}")
        cursor.execute(f"create index on {VIEW_NAME} (hour_start)")
        cursor.execute(f"create index on {VIEW_NAME} (campaign_id)")
        seconds, _ = timed(lambda: cursor.execute(f"refresh materialized view {VIEW_NAME}"))
        cursor.execute(f"vacuum analyze {VIEW_NAME}")
    return seconds


@contextmanager
def duckdb_copy(connection: Connection, file: Path) -> Iterator[tuple[Ask, float]]:
    """Questions to a DuckDB file with the same rows, and the seconds that copying them took."""
    with closing(duckdb.connect(str(file), config={"threads": DUCKDB_THREADS})) as database:
        seconds, _ = timed(lambda: _copy_source(connection, database, file.parent))
        yield lambda statement: database.execute(statement).fetchall(), seconds


def _copy_source(connection: Connection, database: duckdb.DuckDBPyConnection, folder: Path) -> list:
    for table, columns in _COPIED.items():
        _copy_table(connection, database, table, columns, folder)
    database.execute(f"create table {NAMES_TABLE} (alias varchar primary key, api_service varchar)")
    database.executemany(f"insert into {NAMES_TABLE} values (?, ?)", source.service_names())
    database.execute("checkpoint")
    return []


def _copy_table(
    connection: Connection, database: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str], folder: Path
) -> None:
    """Copy a table as CSV through a pipe, so that it needs no room on the disk."""
    pipe = folder / f"{table}.csv"
    os.mkfifo(pipe)
    selected = ", ".join(f"{name} at time zone 'UTC'" if name == "created_at" else name for name in columns)
    writer = _Writer(connection, rf"copy (select {selected} from {table}) to stdout (format csv, null '\N')", pipe)
    writer.start()
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    database.execute(
        f"create table {table} as from read_csv('{pipe}', columns = {{{types}}}, header = false, auto_detect = false,"
        " delim = ',', quote = '\"', escape = '\"', nullstr = '\\N', parallel = false)"
    )
    writer.join()
    pipe.unlink()
    if writer.error:
        raise writer.error


class _Writer(threading.Thread):
    """Writes what a COPY statement gives to a pipe, while the main thread reads it."""

    def __init__(self, connection: Connection, statement: str, pipe: Path):
        super().__init__(daemon=True)
        self._connection, self._statement, self._pipe = connection, statement, pipe
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with open(self._pipe, "wb") as file, self._connection.cursor() as cursor:
                cursor.copy_expert(self._statement, file)
        except Exception as error:
            self.error = error
