"""Reach the database that the user's environment names, and say in one line why it cannot be used."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from contextlib import closing

import psycopg2
from errors import UserFacingError
from macro_text import render
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import parse_dsn

# Every schema that the models, seeds and tests are built in (see dbt_project.yml).
OUTPUT_SCHEMAS = ("analytics", "analytics_audit", "analytics_intermediate", "analytics_metrics", "analytics_staging")

# Any of these says that the user has a database of their own.
NAMING_VARIABLES = ("DATABASE_URL", "PGHOST", "PGDATABASE", "PGSERVICE")

CONNECT_TIMEOUT_SECONDS = 10

# How many nodes dbt builds at a time, each in a session of its own (profiles/profiles.yml).
THREADS_VARIABLE = "DBT_THREADS"
DEFAULT_THREADS = 8
# Those of dbt itself, of the lock of a scheduled run and of its log.
OTHER_SESSIONS = 3
SESSIONS = "source/sessions.sql"  # among the macros

# libpq's variable for a connection parameter is PG and the parameter's name, but for these.
VARIABLE_OF_PARAMETER = {
    "dbname": "PGDATABASE",
    "application_name": "PGAPPNAME",
    "client_encoding": "PGCLIENTENCODING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}

URL_HELP = (
    "DATABASE_URL is not a Postgres address: write postgresql://user:password@host:5432/database, with characters"
    " such as @ : / ? # % in the password percent-encoded (@ is %40)."
)


def is_named(environment: Mapping[str, str]) -> bool:
    """Whether the environment names a database."""
    return any(environment.get(name) for name in NAMING_VARIABLES)


def environment_without_database() -> dict[str, str]:
    """The process's environment without what names a database, and without dbt's settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in NAMING_VARIABLES and not name.startswith(("PG", "DBT_"))
    }


def libpq_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The PG* variables of the database that the environment names; DATABASE_URL wins over the others.

    Raises UserFacingError if DATABASE_URL cannot be read.
    """
    variables = {name: value for name, value in environment.items() if name.startswith("PG")}
    if environment.get("DATABASE_URL"):
        variables |= _variables_of_url(environment["DATABASE_URL"])
    if not variables.get("PGSERVICE"):
        variables.setdefault("PGHOST", "127.0.0.1")
    variables.setdefault("PGCONNECT_TIMEOUT", str(CONNECT_TIMEOUT_SECONDS))
    return variables


def check(variables: Mapping[str, str]) -> dict[str, str]:
    """Connect with the process's environment, which must hold `variables`, and check what can be checked at once.

    Returns the variables with everything spelled out that libpq looks up elsewhere (a service file, a password file),
    since dbt passes host, user and so on by itself. Raises UserFacingError.
    """
    with closing(connect(variables)) as connection:
        problem = missing_permission(connection)
        if problem:
            raise UserFacingError(problem)
        resolved = spelled_out(connection, variables)
        threads = _threads(connection)
    return {**resolved, **without_jit(resolved), THREADS_VARIABLE: str(threads)}


def _threads(connection: Connection) -> int:
    """As many as are wanted, or as there may be sessions, which it says. Raises UserFacingError if there are none."""
    wanted = os.environ.get(THREADS_VARIABLE) or str(DEFAULT_THREADS)
    if not wanted.isdecimal() or int(wanted) == 0:
        raise UserFacingError(f"{THREADS_VARIABLE} is {wanted}, which is no number of threads: set it to 1 or more.")
    with connection.cursor() as cursor:
        cursor.execute(render(SESSIONS, "sessions_left"))
        (left,) = cursor.fetchone()
    if left <= OTHER_SESSIONS:
        raise UserFacingError(
            f"User {connection.info.user} may have {left} more sessions, and a run needs {OTHER_SESSIONS + 1}: end"
            " others, or raise the limit of connections of the role, the database or the server."
        )
    threads = min(int(wanted), left - OTHER_SESSIONS)
    if threads < int(wanted):
        user = connection.info.user
        print(f"{threads} threads, not {wanted}: user {user} may have {left} more sessions.", flush=True)
    return threads


def connect(variables: Mapping[str, str]) -> Connection:
    """A connection by the process's environment, which must hold `variables`. Raises UserFacingError."""
    try:
        connection = psycopg2.connect("")
    except psycopg2.OperationalError as error:
        raise UserFacingError(_explain(str(error), variables)) from error
    if _pools_transactions(connection):
        info = connection.info
        connection.close()
        raise UserFacingError(render(SESSIONS, "pools_transactions", info.host, info.port))
    return connection


def _pools_transactions(connection: Connection) -> bool:
    """Whether two connections that are open at once share a session of the server, or one loses what it has set."""
    mark = uuid.uuid4().hex
    connection.autocommit = True  # some poolers end a connection that begins a transaction
    with connection.cursor() as cursor:
        cursor.execute("select set_config('leadgen.session', %s, false)", (mark,))
        try:
            other = psycopg2.connect("")
        except psycopg2.OperationalError:
            return False  # a limit of sessions
        with closing(other), other.cursor() as other_cursor:
            other.autocommit = True
            other_cursor.execute("select coalesce(current_setting('leadgen.session', true), '')")
            is_shared = other_cursor.fetchone() == (mark,)
        cursor.execute("select coalesce(current_setting('leadgen.session', true), '')")
        is_kept = cursor.fetchone() == (mark,)
    connection.autocommit = False
    return is_shared or not is_kept


def spelled_out(connection: Connection, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of the database that is connected, without those that libpq would look up elsewhere."""
    info = connection.info
    found = {
        "PGHOST": info.host,
        "PGPORT": str(info.port),
        "PGUSER": info.user,
        "PGPASSWORD": info.password,
        "PGDATABASE": info.dbname,
    }
    resolved = {**variables, **{name: value for name, value in found.items() if value}}
    resolved.pop("PGSERVICE", None)
    return resolved


def without_jit(variables: Mapping[str, str]) -> dict[str, str]:
    """The variable that turns JIT off, which takes longer to compile a view over views than the view takes to run.

    Empty if the server does not take options at the start of a session: some connection poolers refuse them.
    """
    # What the user has set comes after, and wins.
    options = f"-c jit=off {variables.get('PGOPTIONS', '')}".strip()
    try:
        psycopg2.connect("", options=options).close()
    except psycopg2.OperationalError:
        return {}
    return {"PGOPTIONS": options}


def _variables_of_url(url: str) -> dict[str, str]:
    try:
        parameters = parse_dsn(url)
    except psycopg2.ProgrammingError as error:
        raise UserFacingError(_explain_url(url, str(error))) from error
    # An unescaped @ or / moves parts of the password into the host or the port: do not let libpq print them.
    ports = parameters.get("port", "").split(",")
    if "@" in parameters.get("host", "") or not all(port.isdigit() for port in ports if port):
        raise UserFacingError(URL_HELP)
    return {VARIABLE_OF_PARAMETER.get(name, f"PG{name.upper()}".replace("_", "")): v for name, v in parameters.items()}


def _explain_url(url: str, message: str) -> str:
    message = message.strip().removeprefix("invalid dsn: ")
    # An @ after the question mark: the password holds one unescaped, and the message might quote its rest.
    if message.startswith("invalid URI query parameter") and "@" not in url.partition("?")[2]:
        return f"DATABASE_URL has a setting that Postgres does not know ({message}): remove it from the address."
    return URL_HELP


def _explain(message: str, variables: Mapping[str, str]) -> str:
    """One line for an error of libpq's, whose own may run over several."""
    host = variables.get("PGHOST", f"service {variables.get('PGSERVICE')}")
    port = variables.get("PGPORT", "5432")
    user = variables.get("PGUSER", "(none given)")
    # One line for each address tried; the last is the one that counts.
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["no reason given"]
    reason = lines[-1] if "failed:" in lines[-1] else lines[0]
    reason = reason.rpartition("failed: ")[2].removeprefix("FATAL: ").strip()
    if "password authentication failed" in message or "no password supplied" in message:
        return f"{host}:{port} refuses the password of user {user}: correct it in DATABASE_URL or PGPASSWORD."
    if "does not exist" in message and "database" in message:
        return f"{reason} on {host}:{port}: correct the name in DATABASE_URL or PGDATABASE, or create the database."
    unreachable = ("translate host name", "refused", "timeout expired", "timed out", "No route", "unreachable")
    if any(words in message for words in unreachable):
        return f"No database server answers at {host}:{port} ({reason}): check host, port, VPN and firewall."
    return f"Cannot connect to {host}:{port} as {user}: {reason}"


def missing_permission(connection: Connection) -> str | None:
    """One line if this user cannot create the output schemas, or things in them: what is missing, and the remedy."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select
                current_user,
                current_database(),
                has_database_privilege(current_database(), 'create'),
                array(
                    select name
                    from unnest(%s) as name
                    where to_regnamespace(name) is null
                ),
                array(
                    select name
                    from unnest(%s) as name
                    where to_regnamespace(name) is not null and not (
                        has_schema_privilege(name, 'usage') and has_schema_privilege(name, 'create')
                    )
                )
            """,
            (list(OUTPUT_SCHEMAS), list(OUTPUT_SCHEMAS)),
        )
        user, database, can_create, missing, closed = cursor.fetchone()
    if missing and not can_create:
        return (
            f'User {user} may not create schemas in database {database}: run grant create on database "{database}"'
            f' to "{user}"; as its owner, or have the owner create {", ".join(missing)} and grant {user} all on them.'
        )
    if closed:
        return (
            f"User {user} may not create anything in schema {', '.join(closed)} of database {database}:"
            f' have the owner run grant usage, create on schema {", ".join(closed)} to "{user}";'
        )
    return None
