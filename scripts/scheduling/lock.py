"""One scheduled run at a time in a database: a lock on a table, in a connection of its own, which ends with the run."""

from __future__ import annotations

import os
import socket

import psycopg2
from errors import UserFacingError

from scheduling.run_log import TABLE, render

APPLICATION_NAME = f"scheduled_run {os.getpid()} on {socket.gethostname()}"[:63]

# The connection is idle in its transaction for as long as dbt works: the server must not end it for that, and must not
# keep it when this machine is gone. It holds back no vacuum: a transaction that only reads committed rows keeps no
# snapshot between its statements. PostgreSQL 17 and newer have transaction_timeout.
SETTINGS = """
set idle_session_timeout = 0;
set idle_in_transaction_session_timeout = 0;
select set_config('transaction_timeout', '0', false) from pg_settings where name = 'transaction_timeout';
set default_transaction_isolation = 'read committed';
set tcp_keepalives_idle = 30;
set tcp_keepalives_interval = 10;
set tcp_keepalives_count = 6
"""
HOLDER = """
select
    locks.pid,
    activity.application_name,
    to_char(activity.backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
    extract(epoch from clock_timestamp() - activity.backend_start)::float
from pg_catalog.pg_locks as locks
left join pg_catalog.pg_stat_activity as activity on locks.pid = activity.pid
where
    locks.locktype = 'relation'
    and locks.granted
    and locks.mode = 'ExclusiveLock'
    and locks.relation = '{lock}'::regclass
    and locks.database = (select oid from pg_catalog.pg_database where datname = current_database())
"""


class Held(UserFacingError):
    """Another run is at work; the message says which. `seconds`: for how long, as far as is known."""

    def __init__(self, message: str, seconds: float = 0):
        super().__init__(message)
        self.seconds = seconds


class RunLock:
    """The lock of the database that `dsn` names. It is free again when this process ends, however that ends."""

    def __init__(self, dsn: str):
        self._dsn = dsn
        self._table = render("run_lock")
        self._connection: psycopg2.extensions.connection | None = None

    def acquire(self) -> int:
        """Take the lock, or raise Held at once; returns the number of the server's process that has it."""
        self.release()
        connection = psycopg2.connect(
            self._dsn,
            application_name=APPLICATION_NAME,
            keepalives=1,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=6,
        )
        with connection.cursor() as cursor:
            cursor.execute(SETTINGS)
            connection.commit()
            try:
                cursor.execute(f"lock table {self._table} in exclusive mode nowait")
            except psycopg2.errors.LockNotAvailable:
                connection.rollback()
                cursor.execute(HOLDER.format(lock=self._table))
                holder = cursor.fetchone()
                connection.close()
                raise _held_by(holder) from None
            except psycopg2.errors.InsufficientPrivilege as error:
                connection.close()
                reason = f"The run cannot be recorded in {TABLE}: permission denied for {self._table}, which it locks."
                raise UserFacingError(reason) from error
        self._connection = connection
        return connection.info.backend_pid

    def is_held(self) -> bool:
        """Whether the connection with the lock is still there."""
        if self._connection is None:
            return False
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("select 1")
            return True
        except psycopg2.Error:
            return False

    def release(self) -> None:
        """Let go of the lock, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _held_by(holder: tuple | None) -> Held:
    if holder is None:
        return Held("Another scheduled run was at work and has ended just now: run again.")
    pid, application, since, seconds = holder
    # The server tells other roles nothing about a session but its number.
    name = f'"{application}"' if application else "of an unknown name"
    when = f"since {since} UTC" if since else "since an unknown time"
    message = f"Another scheduled run is at work in this database: server process {pid}, application {name}, {when}."
    return Held(message, seconds or 0)
