"""One scheduled run at a time in a database: an advisory lock on a connection of its own, which ends with the run."""

from __future__ import annotations

import os
import socket

import psycopg2
from errors import UserFacingError

from scheduling.run_log import render

APPLICATION_NAME = f"scheduled_run {os.getpid()} on {socket.gethostname()}"[:63]

# The connection is idle for as long as dbt works: the server must not end it for that, must not keep it when this
# machine is gone, and must not hold back vacuum for it (hence autocommit).
SETTINGS = """
set idle_session_timeout = 0;
set tcp_keepalives_idle = 30;
set tcp_keepalives_interval = 10;
set tcp_keepalives_count = 6
"""
HOLDER = """
select locks.pid, activity.application_name, to_char(activity.backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
from pg_catalog.pg_locks as locks
left join pg_catalog.pg_stat_activity as activity on locks.pid = activity.pid
where
    locks.locktype = 'advisory'
    and locks.granted
    and locks.objsubid = 2
    and (locks.classid, locks.objid) = ({lock})
    and locks.database = (select oid from pg_catalog.pg_database where datname = current_database())
"""


class Held(UserFacingError):
    """Another scheduled run is at work; the message says which."""


class RunLock:
    """The lock of the database that `dsn` names. It is free again when this process ends, however that ends."""

    def __init__(self, dsn: str):
        self._dsn = dsn
        self._numbers = render("run_lock")
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
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(SETTINGS)
            cursor.execute(f"select pg_try_advisory_lock({self._numbers})")
            if not cursor.fetchone()[0]:
                cursor.execute(HOLDER.format(lock=self._numbers))
                holder = cursor.fetchone()
                connection.close()
                raise Held(_describe(holder))
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


def _describe(holder: tuple | None) -> str:
    if holder is None:
        return "Another scheduled run was at work and has ended just now: run again."
    pid, application, since = holder
    # The server tells other roles nothing about a session but its number.
    name = f'"{application}"' if application else "of an unknown name"
    when = f"since {since} UTC" if since else "since an unknown time"
    return f"Another scheduled run is at work in this database: server process {pid}, application {name}, {when}."
