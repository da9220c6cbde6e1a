"""Build the marts and say what came out. Called by ./scripts/run, whose --help describes it."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import embedded_postgres
import own_database
import psycopg2
from embedded_postgres import REPOSITORY, SAMPLE_DATABASE, Server
from errors import UserFacingError, disk_error

SAMPLE_SHAPE = "hybrid"


def main() -> int:
    os.chdir(REPOSITORY)
    try:
        with one_run_at_a_time():
            _run()
    except UserFacingError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {disk_error(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run ./scripts/run again to go on.", file=sys.stderr)
        return 130
    return 0


def _run() -> None:
    server = None if own_database.is_named(os.environ) else start_with_sample()
    if server is None:
        use_own_database()
    # dbt takes a second or two to load: after what can fail at once, and where Ctrl-C is caught.
    from boards.pages import write_boards
    from dbt_progress import Dbt
    from docs_site import SITE, write_docs_site
    from summary import print_summary

    dbt = Dbt()
    built = dbt.build()
    with closing(psycopg2.connect(server.dsn(SAMPLE_DATABASE) if server else "")) as connection:
        try:
            has_boards = write_boards(SITE / "dashboards")
            page = write_docs_site(dbt, connection)
        except OSError as error:
            raise UserFacingError(f"The marts are built, the site is not whole: {disk_error(error)}") from error
        print_summary(built, connection)
    _print_next_steps(server, page.as_uri(), has_boards)


def use_own_database() -> None:
    """Put the user's database into the environment, where dbt and psycopg2 find it."""
    variables = own_database.libpq_environment(os.environ)
    os.environ.update(variables)
    resolved = own_database.check(variables)
    os.environ.pop("PGSERVICE", None)
    os.environ.update(resolved)
    print(f"Using database {resolved['PGDATABASE']} on {resolved['PGHOST']}:{resolved['PGPORT']}", flush=True)


def start_with_sample() -> Server:
    """Start the embedded server, with the sample data in it, and write the profile by which dbt finds it."""
    server = embedded_postgres.start(embedded_postgres.DEFAULT_DATA_DIR)
    print(f"Embedded PostgreSQL server at {server.host}:{server.port}, data in .postgres/", flush=True)
    _load_sample_once(server)
    embedded_postgres.write_profile(REPOSITORY, server)
    return server


def _load_sample_once(server: Server) -> None:
    """Load the sample unless it is there; the load is one transaction, so there is never half a sample."""
    embedded_postgres.ensure_database(server, SAMPLE_DATABASE)
    dsn = server.dsn(SAMPLE_DATABASE)
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('public.campaigns') is not null")
        (is_loaded,) = cursor.fetchone()
    if not is_loaded:
        print("Loading sample data (the first time only)", flush=True)
        from generate_sample_data import generate  # numpy and Polars, which no other run needs

        started = time.monotonic()
        generate(dsn, SAMPLE_SHAPE)
        print(f"  loaded in {time.monotonic() - started:.0f} s", flush=True)


@contextmanager
def one_run_at_a_time(waits: bool = True) -> Iterator[None]:
    """Two runs in one clone would share target/ and rebuild each other's views.

    Raises BlockingIOError if another is at work, unless this one `waits` for it.
    """
    with _lock_file() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not waits:
                raise
            print("Another run is at work here; waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _lock_file() -> Iterator[int]:
    """logs/run.lock, or the folder of the project where the disk does not take that file: either can be locked."""
    path = REPOSITORY / "logs" / "run.lock"
    try:
        path.parent.mkdir(exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        lock = os.open(path if path.is_file() else REPOSITORY, os.O_RDONLY)
    try:
        yield lock
    finally:
        os.close(lock)


def _print_next_steps(server: Server | None, docs_address: str, has_boards: bool) -> None:
    print("\nNext:")
    if server:
        print("  1. Query the marts (in this folder):")
        print(f"       {_psql_command(server)}")
        print("       select campaign_name, qualified_leads, cost_per_qualified_lead from campaign_analytics;")
    else:
        print('  1. Query the marts: psql (with "$DATABASE_URL" if that is what you set), then')
        print("       set search_path = analytics;")
        print("       select campaign_name, qualified_leads, cost_per_qualified_lead from campaign_analytics;")
    print(f"  2. Look at boards, lineage, contract and the last run: open {docs_address}")
    if has_boards:
        print("     The boards with filters that work: ./scripts/dashboards serve")
    else:
        print("     The boards need Python 3.11 or newer.")
    if server:
        print("  3. Point it at your own database:")
        print("       DATABASE_URL=postgresql://user:password@host:5432/database ./scripts/run")
    else:
        print('  3. Let others read the marts, and nothing else: docs/rights.md, "Roles"')


def _psql_command(server: Server) -> str:
    """The command that opens a session on the marts; the password is in a file."""
    psql = (embedded_postgres.bundled_bin_dir() / "psql").relative_to(REPOSITORY)
    passfile = embedded_postgres.password_file(server.data_dir).relative_to(REPOSITORY)
    where = f"host={server.host} port={server.port} user={server.user} dbname={SAMPLE_DATABASE}"
    return f'{psql} "{where} passfile={passfile} options=-csearch_path=analytics"'


if __name__ == "__main__":
    sys.exit(main())
