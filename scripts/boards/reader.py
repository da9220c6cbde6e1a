"""Who reads the marts for the boards, and where: as libpq's variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import embedded_postgres
import own_database
import psycopg2
import yaml
from embedded_postgres import REPOSITORY, SAMPLE_DATABASE
from errors import UserFacingError
from psycopg2 import sql
from psycopg2.extensions import connection as Connection


@dataclass(frozen=True)
class Reader:
    """`environment` reaches the database; `role` is the one whose rights count, and `note` says so where it is odd."""

    environment: dict[str, str]
    role: str
    note: str | None


def find_reader(environment: Mapping[str, str]) -> Reader:
    """The reader of the database that the environment names, else of the embedded server.

    With the rights of `reporter_role`, if the connected role may take it on. Raises UserFacingError if there is no
    database, or no marts in it.
    """
    variables = _project_variables()
    libpq = _libpq_variables(environment)
    before = dict(os.environ)
    try:
        os.environ.update(libpq)
        with closing(own_database.connect(libpq)) as connection:
            libpq = own_database.spelled_out(connection, libpq)
            role, note = _role(connection, variables["reporter_role"])
            _check_marts(connection)
        os.environ.pop("PGSERVICE", None)
        os.environ.update(libpq)
        libpq |= own_database.without_jit(libpq)
    finally:
        os.environ.clear()
        os.environ.update(before)
    # Days begin, and times are shown, in the time zone that the marts report in.
    return Reader({**libpq, "PGTZ": variables["reporting_timezone"]}, role, note)


def _project_variables() -> dict[str, str]:
    return yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]


def _libpq_variables(environment: Mapping[str, str]) -> dict[str, str]:
    if own_database.is_named(environment):
        return own_database.libpq_environment(environment)
    server = embedded_postgres.running(embedded_postgres.DEFAULT_DATA_DIR)
    if server is None:
        raise UserFacingError("No database: start the embedded server with ./scripts/run, or set DATABASE_URL.")
    return server.environment(SAMPLE_DATABASE)


def _role(connection: Connection, reporter: str) -> tuple[str, str | None]:
    """The role to take on, none if that is the connected one; and what to say about it."""
    user = connection.info.user
    if user == reporter:
        return "", None
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("set role {}").format(sql.Identifier(reporter)))
        return reporter, None
    except psycopg2.Error as error:
        connection.rollback()
        reason = "there is none" if error.pgcode == "22023" else f"{user} is not a member of it"
        return (
            "",
            f'The boards are read as {user}, not with the rights of {reporter}: {reason} (docs/rights.md, "Roles").',
        )


def _check_marts(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists (select from pg_views where schemaname = 'analytics' and viewname = 'campaign_analytics')"
        )
        if not cursor.fetchone()[0]:
            name = connection.info.dbname
            raise UserFacingError(f"Database {name} has no marts: build them with ./scripts/run or scheduled_run.")
