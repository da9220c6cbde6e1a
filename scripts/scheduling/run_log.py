"""The log of scheduled runs: one table that is only ever added to, written on connections of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import macro_text
import psycopg2
from errors import UserFacingError
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from scheduling.results import NodeResult
from scheduling.transient import may_pass

SCHEMA = "analytics_audit"
TABLE = f"{SCHEMA}.run_log"
APPLICATION_NAME = "scheduled_run (log)"
LONGEST_MESSAGE = 500  # as the table has it
TOLD_FOR_DAYS = 7  # an alert that could not be delivered for longer is news no more
PAUSE_SECONDS = 1
# dbt's own limits do not hold here, and a log must not wait for ever.
SETTINGS = "set statement_timeout = '30s'; set lock_timeout = '10s'"

T = TypeVar("T")


@dataclass(frozen=True)
class Alert:
    """A change of state that is to be told: `state` is ok or failing, of runs, or what of the business has changed."""

    run_id: str
    state: str
    text: str


@dataclass(frozen=True)
class RunBefore:
    """The newest other run. `status` and `line`, what it said in the end, are None if it has no end."""

    run_id: str
    started_at: datetime
    status: str | None
    line: str | None


def render(macro: str) -> str:
    """The text of a macro of macros/audit.sql that is for this schema."""
    return macro_text.render("audit.sql", macro, SCHEMA)


class RunLog:
    """The table run_log in the database that `dsn` names.

    Each entry is written once, even if the answer to a commit is lost: every write may be repeated. A server that has
    gone is waited for, `patience_seconds` once and then no more; after that, UserFacingError is raised.
    """

    def __init__(self, dsn: str, patience_seconds: float = 60):
        self._dsn = dsn
        self._patience = patience_seconds

    def create(self) -> None:
        """Make the table where it is missing."""

        def write(cursor: Cursor) -> None:
            cursor.execute("select to_regclass(%s)", (render("run_lock"),))
            if not cursor.fetchone()[0]:
                cursor.execute(render("run_log_creation"))

        self._execute(write)

    def start(self, run_id: str, details: dict[str, Any]) -> None:
        """Write that the run has begun."""
        self._add(run_id=run_id, entry="start", status="running", details=details)

    def nodes(self, run_id: str, attempt: int, results: Iterable[NodeResult]) -> None:
        """Write what became of each node in an attempt, 0 being the check of the sources' freshness."""
        rows = [
            (
                *(run_id, "node", node.status, attempt, node.node_id),
                *(_milliseconds(node.seconds), node.failures, node.rows_affected, node.message),
            )
            for node in results
        ]

        def write(cursor: Cursor) -> None:
            arguments = (run_id, attempt)
            cursor.execute(
                f"select 1 from {TABLE} where entry = 'node' and run_id = %s and attempt = %s limit 1", arguments
            )
            if cursor.fetchone():
                return  # written by a commit whose answer was lost
            columns = "run_id, entry, status, attempt, node_id, seconds, failures, rows_affected, message"
            values = [_storable(row, cursor) for row in rows]
            execute_values(cursor, f"insert into {TABLE} ({columns}) values %s", values, page_size=500)

        if rows:
            self._execute(write)

    def end(self, run_id: str, status: str, seconds: float, attempts: int, message: str, details: dict) -> None:
        """Write how the run ended: ok, failed or interrupted."""
        self._add(
            run_id=run_id,
            entry="end",
            status=status,
            seconds=_milliseconds(seconds),
            attempt=attempts,
            message=message,
            details=details,
        )

    def alert(self, alert: Alert, states: dict[str, str] | None = None) -> None:
        """Write that a change of state is to be told, with all `states` of a business subject as they are now."""
        details = {} if states is None else {"details": states}
        self._add(run_id=alert.run_id, entry="alert", status=alert.state, message=alert.text, **details)

    def last_states(self, subject: str) -> dict[str, str]:
        """What the newest alert on a subject of the business was about: the state of each that was not well."""
        rows = self._query(
            f"select details from {TABLE} where entry = 'alert' and status = %s order by entry_id desc limit 1",
            (subject,),
        )
        return rows[0][0] if rows else {}

    def ask_marts(self, statement: str, arguments: dict[str, Any]) -> list[tuple] | None:
        """The rows of a query on the marts; None where they are not built yet. Raises UserFacingError."""
        try:
            connection = psycopg2.connect(self._dsn, application_name=APPLICATION_NAME)
            connection.set_session(readonly=True)
            with closing(connection), connection, connection.cursor() as cursor:
                cursor.execute(SETTINGS)
                cursor.execute(statement, arguments)
                return cursor.fetchall()
        except psycopg2.errors.UndefinedTable:
            return None
        except psycopg2.Error as error:
            raise UserFacingError(str(error).strip().partition("\n")[0]) from error

    def delivered(self, alert: Alert) -> None:
        """Write that it has been told."""
        self._add(run_id=alert.run_id, entry="delivery", status=alert.state)

    def last_alert_state(self) -> str:
        """The state of runs that the newest alert on them tells, delivered or not; ok before the first."""
        rows = self._query(
            f"""
            select status from {TABLE}
            where entry = 'alert' and status in ('ok', 'failing')
            order by entry_id desc
            limit 1
            """
        )
        return rows[0][0] if rows else "ok"

    def undelivered(self) -> list[Alert]:
        """Alerts that were not told yet, oldest first."""
        rows = self._query(
            f"""
            select alert.run_id::text, alert.status, alert.message
            from {TABLE} as alert
            where
                alert.entry = 'alert'
                and alert.recorded_at > now() - make_interval(days => {TOLD_FOR_DAYS})
                and not exists (
                    select from {TABLE} as delivery
                    where
                        delivery.entry = 'delivery'
                        and delivery.run_id = alert.run_id
                        and delivery.status = alert.status
                )
            order by alert.entry_id
            limit 10
            """
        )
        return [Alert(*row) for row in rows]

    def run_before(self, run_id: str) -> RunBefore | None:
        """The newest run but this one."""
        rows = self._query(
            f"""
            select starts.run_id::text, starts.recorded_at at time zone 'UTC', ends.status, ends.message
            from {TABLE} as starts
            left join {TABLE} as ends on ends.run_id = starts.run_id and ends.entry = 'end'
            where starts.entry = 'start' and starts.run_id <> %s
            order by starts.entry_id desc
            limit 1
            """,
            (run_id,),
        )
        return RunBefore(*rows[0]) if rows else None

    def now(self) -> datetime:
        """The server's time, UTC."""
        return self._query("select now() at time zone 'UTC'")[0][0]

    def _add(self, **values: Any) -> None:
        if "details" in values:
            values["details"] = json.dumps(values["details"])

        def write(cursor: Cursor) -> None:
            names = ", ".join(values)
            marks = ", ".join(["%s"] * len(values))
            cursor.execute(
                f"insert into {TABLE} ({names}) values ({marks}) on conflict do nothing",
                _storable(values.values(), cursor),
            )

        self._execute(write)

    def _query(self, statement: str, arguments: tuple = ()) -> list[tuple]:
        def read(cursor: Cursor) -> list[tuple]:
            cursor.execute(statement, arguments)
            return cursor.fetchall()

        return self._execute(read)

    def _execute(self, work: Callable[[Cursor], T]) -> T:
        """Do `work` in a transaction of its own, again if the server was gone."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                connection = psycopg2.connect(self._dsn, application_name=APPLICATION_NAME)
                with closing(connection), connection, connection.cursor() as cursor:
                    cursor.execute(SETTINGS)
                    return work(cursor)
            except psycopg2.Error as error:
                if not may_pass(str(error)) or time.monotonic() >= deadline:
                    self._patience = 0
                    reason = str(error).strip().partition("\n")[0]
                    raise UserFacingError(f"The run cannot be recorded in {TABLE}: {reason}") from error
                time.sleep(PAUSE_SECONDS)


def _milliseconds(seconds: float) -> float:
    return round(seconds, 3)


def _storable(values: Iterable[Any], cursor: Cursor) -> list[Any]:
    """The values as this database can hold them: no text too long, or in characters that its encoding lacks."""
    is_unicode = cursor.connection.info.parameter_status("server_encoding") == "UTF8"
    encoding = "utf-8" if is_unicode else "ascii"
    return [
        value.replace("\0", "").encode(encoding, "replace").decode(encoding)[:LONGEST_MESSAGE]
        if isinstance(value, str)
        else value
        for value in values
    ]
