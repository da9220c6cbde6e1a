"""Loading: the schema, the rows by COPY, then the constraints, all in one transaction."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import polars as pl
import psycopg2
from psycopg2 import sql

from .api_calls import plan_outages
from .campaign_rows import bare_campaign_rows, choose_defects
from .campaigns import FEWEST_AT_WORK, Size, plan_campaigns
from .chunks import Chunk, cut, make_chunk
from .odd_calls import odd_call_count, odd_calls
from .settings_and_pings import ping_rows, settings_rows
from .shapes import ALL_TABLES, Shape, shape_named
from .truth import Truth
from .values import SECOND

FEWEST_API_CALLS = 1000

Buffers = dict[str, tuple[list[str], io.BytesIO]]  # column names and CSV, by table


class RefusedError(Exception):
    """The load cannot be done as asked; the message says why and what to do."""


def generate(
    dsn: str,
    shape: str,
    api_calls: int = 30_000,
    seed: int = 1,
    until: datetime | None = None,
    schema: str = "public",
    progress: Callable[[str], None] = lambda line: None,
    at_work: int = FEWEST_AT_WORK,
) -> dict:
    """Create the source schema in this shape, fill it, and return the truth about it.

    `dsn` is a libpq connection string or URL ("" takes the PG* variables), `api_calls` the number of true calls,
    `until` the end of the 90 days of data (now; a time without a zone is UTC), `at_work` how many campaigns are at
    work then, at least. The same arguments give the same rows. `progress` gets a line at each step. Raises
    RefusedError, ValueError (seeds that lack a price) or psycopg2.Error; nothing is loaded then.
    """
    end = until or datetime.now(timezone.utc)
    end = end if end.tzinfo else end.replace(tzinfo=timezone.utc)
    chosen = shape_named(shape)
    _check_arguments(api_calls, seed, at_work, end)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        _create_tables(cursor, chosen, schema)
        truth = _fill(cursor, chosen, api_calls, seed, int(end.timestamp()) * SECOND, at_work, progress)
        progress("constraints, indexes and statistics")
        for statements in chosen.constraint_ddl():
            cursor.execute(statements)
        for table in chosen.tables:
            cursor.execute(sql.SQL("analyze {}").format(sql.Identifier(table)))
    return {"shape": chosen.name, "seed": seed, "until": end.isoformat(), **truth.as_json()}


def _check_arguments(api_calls: int, seed: int, at_work: int, until: datetime) -> None:
    if api_calls < FEWEST_API_CALLS:
        raise RefusedError(f"{api_calls} API calls cannot hold every defect: ask for at least {FEWEST_API_CALLS}")
    for name, number in (("seed", seed), ("number of campaigns at work", at_work)):
        if number < 0:
            raise RefusedError(f"{name} {number} is negative: give 0 or more")
    if until > datetime.now(timezone.utc) + timedelta(minutes=1):
        # Its records would be defects (future timestamps) which the truth does not list.
        raise RefusedError(f"the data cannot end in the future ({until.isoformat()}): give an earlier time")


def _create_tables(cursor, shape: Shape, schema: str) -> None:
    """Create the schema if need be, and its tables; refuse if any of them is there."""
    cursor.execute(
        "select relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace "
        "where nspname = %s and relname = any(%s) order by 1",
        (schema, ALL_TABLES),
    )
    present = ", ".join(name for (name,) in cursor.fetchall())
    if present:
        raise RefusedError(f"schema {schema} already holds {present}: drop them, or choose another database or schema")
    cursor.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    # These settings end with the transaction. Times are written in UTC.
    cursor.execute(sql.SQL("set local search_path = {}").format(sql.Identifier(schema)))
    cursor.execute("set local timezone = 'UTC'")
    cursor.execute("set local maintenance_work_mem = '256MB'")
    for statements in shape.table_ddl():
        cursor.execute(statements)


def _fill(
    cursor, shape: Shape, api_calls: int, seed: int, until: int, at_work: int, progress: Callable[[str], None]
) -> Truth:
    """Generate and copy all rows."""
    rng = np.random.default_rng([seed, 0])
    size = Size(api_calls)
    plan = plan_campaigns(rng, size, until, at_work)
    defect = choose_defects(rng, shape, plan.campaigns["is_deleted"].to_numpy())
    plan = replace(plan, campaigns=plan.campaigns.with_columns(defect=defect))
    outages = plan_outages(rng, plan)
    parts = cut(plan, api_calls - odd_call_count(shape, size.planted), size.planted)

    truth = Truth()
    samples, activities = [], []
    for chunk, buffers in _made_ahead(
        [lambda part=part: make_chunk(seed, shape, outages, until, part) for part in parts]
    ):
        _copy(cursor, buffers)
        truth.merge(chunk.truth)
        samples.append(chunk.sample)
        activities.append(chunk.activity)
        progress(f"{len(samples)} of {len(parts)} chunks: {truth.calls.total():,} API calls")

    odd = odd_calls(rng, shape, pl.concat(samples), until, size.planted)
    truth.merge(odd.truth)
    activity = pl.concat(activities).group_by("user_id").sum()
    frames = {
        **odd.frames(),
        "campaigns": bare_campaign_rows(rng, shape, plan.user_ids[0], until, truth.defects),
        "user_settings": settings_rows(plan.user_ids, activity, until, truth.defects),
        "service_health_metrics": ping_rows(rng, until),
    }
    _copy(cursor, {table: _as_csv(frame) for table, frame in frames.items() if table in shape.tables})
    return truth


def _made_ahead(makers: list[Callable[[], Chunk]]) -> Iterator[tuple[Chunk, Buffers]]:
    """The chunks, ready to copy. The next one is made while the database takes in the one before."""

    def make(maker: Callable[[], Chunk]) -> tuple[Chunk, Buffers]:
        chunk = maker()
        buffers = {table: _as_csv(frame) for table, frame in chunk.frames.items()}
        chunk.frames.clear()
        return chunk, buffers

    with ThreadPoolExecutor(max_workers=1) as worker:
        ahead = worker.submit(make, makers[0])
        for maker in makers[1:]:
            ready = ahead.result()
            ahead = worker.submit(make, maker)
            yield ready
        yield ahead.result()


def _as_csv(frame: pl.DataFrame) -> tuple[list[str], io.BytesIO]:
    r"""Column names, and the rows as CSV in which NULL is \N."""
    buffer = io.BytesIO()
    frame.write_csv(buffer, include_header=False, null_value=r"\N", datetime_format="%Y-%m-%d %H:%M:%S%.6f")
    buffer.seek(0)
    return frame.columns, buffer


def _copy(cursor, buffers: Buffers) -> None:
    """Copy CSV rows into tables of this transaction (FREEZE asks for that)."""
    for table, (columns, buffer) in buffers.items():
        statement = sql.SQL(r"copy {} ({}) from stdin with (format csv, null '\N', freeze)").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        cursor.copy_expert(statement, buffer)
