"""The throw-away source: sample data with the indexes of a well-kept database, and activity that comes later."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime

import psycopg2
from embedded_postgres import REPOSITORY
from generate_sample_data import generate
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from benchmarks.panels import NAMES_TABLE, Moment

SHAPE = "hybrid"
SEED = 1
# Those that the generator has made already keep their names, so that none is made twice.
INDEXES = (
    ("api_usage", "created_at"),
    ("api_usage_log", "created_at"),
    ("api_cost_tracking", "date"),
    ("businesses", "created_at"),
    ("businesses", "campaign_id"),
    ("enhanced_leads", "created_at"),
    ("enhanced_leads", "campaign_id"),
    ("lead_emails", "lead_id"),
    ("lead_social_profiles", "lead_id"),
)
GROWING_TABLES = ("api_usage", "api_usage_log", "businesses")
SETTINGS = ("shared_buffers", "work_mem", "maintenance_work_mem", "max_parallel_workers_per_gather", "jit")


@contextmanager
def connect(dsn: str, limit_seconds: float = 0, search_path: str = "public") -> Iterator[Connection]:
    """A connection in autocommit whose statements are cancelled after the limit (0: never)."""
    options = f"-c statement_timeout={round(limit_seconds * 1000)} -c search_path={search_path} -c jit=off"
    with closing(psycopg2.connect(dsn, options=options)) as connection:
        connection.autocommit = True
        yield connection


def load(dsn: str, api_calls: int, progress: Callable[[str], None]) -> None:
    """Fill the database, index it, and bring its statistics up to date."""
    generate(dsn, SHAPE, api_calls, SEED, progress=progress)
    progress("indexes, vacuum and statistics")
    with connect(dsn) as connection, connection.cursor() as cursor:
        for table, column in INDEXES:
            cursor.execute(f"create index if not exists {table}_{column}_idx on {table} ({column})")
        _drop_unchecked_constraints(cursor)
        _load_service_names(cursor)
        cursor.execute("vacuum analyze")


def moment_of(connection: Connection) -> Moment:
    """Today in UTC, and the campaign with the most calls."""
    with connection.cursor() as cursor:
        cursor.execute("select campaign_id from api_usage group by campaign_id order by count(*) desc, 1 limit 1")
        (campaign_id,) = cursor.fetchone()
        cursor.execute("select cast(now() at time zone 'UTC' as date)")
        (today,) = cursor.fetchone()
    return Moment(today, campaign_id)


def facts(connection: Connection) -> dict:
    """Row counts, size on disk, version and settings."""
    with connection.cursor() as cursor:
        rows = {}
        for table in GROWING_TABLES:
            cursor.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table)))
            (rows[table],) = cursor.fetchone()
        cursor.execute("select pg_database_size(current_database()), current_setting('server_version')")
        size, version = cursor.fetchone()
        cursor.execute("select name, current_setting(name) from pg_settings where name = any(%s)", (list(SETTINGS),))
        settings = dict(cursor.fetchall())
    return {"rows": rows, "database_bytes": size, "postgres": version, "settings": settings}


def watermark(connection: Connection) -> datetime:
    """Up to when rollups hold everything: what lies above it is computed with every question."""
    with connection.cursor() as cursor:
        cursor.execute("select max(watermark) from analytics_staging.rollup_state")
        (found,) = cursor.fetchone()
    return found


def above_watermark(connection: Connection) -> dict[str, int]:
    """How many calls of api_usage, records of api_usage_log, and leads of both tables lie above it."""
    is_above = "created_at >= %(watermark)s and created_at <= now()"
    counts = {
        "calls": f"select count(*) from api_usage where {is_above}",
        "log records": f"select count(*) from api_usage_log where {is_above}",
        "leads": f"select count(*) from (select id from businesses where {is_above}"
        f" union select id from enhanced_leads where {is_above}) as leads",
    }
    found = {}
    with connection.cursor() as cursor:
        for what, statement in counts.items():
            cursor.execute(statement, {"watermark": watermark(connection)})
            (found[what],) = cursor.fetchone()
    return found


def add_activity(connection: Connection, share: float, after: datetime | None = None) -> dict[str, int]:
    """Let the newest calls and leads happen again, now: `share` of the rows, with new ids and later times.

    Both logs are moved by the same time, so that a call and its second record stay a pair. Rows that would come to lie
    before `after` are brought closer together, to lie between then and now. Returns rows by table.
    """
    added = {}
    with connection.cursor() as cursor:
        for leader, followers in (("api_usage", ("api_usage", "api_usage_log")), ("businesses", ("businesses",))):
            window = _newest(cursor, leader, share, after)
            for table in followers:
                added[table] = _repeat(cursor, table, window)
    return added


def _newest(cursor, table: str, share: float, after: datetime | None) -> dict:
    """When the newest `share` of the rows happened, from `first` to `last`, what is now, and how much closer they get.

    `last` is a little later: the second record of a call is written after it.
    """
    cursor.execute(
        f"""
        with past as (select created_at from {table} where created_at <= now()),

        newest as (
            select min(created_at) as first, max(created_at) + interval '2 s' as last
            from (
                select created_at from past order by created_at desc
                limit (select greatest(1, round(count(*) * %(share)s)) from past)
            ) as newest
        )

        select first, last, now(), least(1, coalesce(
            extract(epoch from now() - cast(%(after)s as timestamptz)) / extract(epoch from last - first), 1
        ))
        from newest
        """,
        {"share": share, "after": after},
    )
    return dict(zip(("first", "last", "now", "scale"), cursor.fetchone(), strict=True))


def _repeat(cursor, table: str, window: dict) -> int:
    """Copy the rows of this window, so that it ends now. Returns how many."""
    cursor.execute(
        """
        select string_agg(quote_ident(attname), ', ' order by attnum)
        from pg_attribute
        where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = ''
            and attname not in ('id', 'created_at')
        """,
        (table,),
    )
    (columns,) = cursor.fetchone()
    cursor.execute(
        f"insert into {table} (created_at, {columns})"
        f" select %(now)s - (%(last)s - created_at) * cast(%(scale)s as float), {columns}"
        f" from {table} where created_at between %(first)s and %(last)s",
        window,
    )
    return cursor.rowcount


def insert_call(connection: Connection, campaign_id: str, endpoint: str) -> None:
    """One call that happens now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into api_usage (campaign_id, service, endpoint, cost, success, response_time, created_at)"
            " values (%s, 'google_places', %s, 0.017, true, 300, now())",
            (campaign_id, endpoint),
        )


def insert_lead(connection: Connection, campaign_id: str, name: str) -> None:
    """One lead that is found now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into businesses (campaign_id, business_name, confidence_score, created_at)"
            " values (%s, %s, 90, now())",
            (campaign_id, name),
        )


def _drop_unchecked_constraints(cursor) -> None:
    """Defects were planted before these; a copy of a defective row would be refused."""
    cursor.execute("select conrelid::regclass::text, conname from pg_constraint where not convalidated")
    for table, name in cursor.fetchall():
        cursor.execute(sql.SQL("alter table {} drop constraint {}").format(sql.SQL(table), sql.Identifier(name)))


def service_names() -> list[tuple[str, str]]:
    """Spelling and canonical name of every service."""
    with open(REPOSITORY / "seeds" / "service_aliases.csv", newline="", encoding="utf-8") as file:
        return [(row["alias"], row["api_service"]) for row in csv.DictReader(file)]


def _load_service_names(cursor) -> None:
    """The list that a dashboard author needs to read the services' spellings."""
    table = f"benchmark.{NAMES_TABLE}"
    cursor.execute(f"create schema benchmark; create table {table} (alias text primary key, api_service text)")
    execute_values(cursor, f"insert into {table} values %s", service_names())
