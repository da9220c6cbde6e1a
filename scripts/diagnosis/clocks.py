"""Clocks and time zones."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg2
from psycopg2 import sql

from .finding import Finding, Patient, in_one_line, quoted

NOTED_SECONDS = 5
"""By default two records of one call may lie that far apart."""
MOST_COUNTED = 1_000
LARGE_TABLE_ROWS = 1_000_000
UTC_NAMES = ("UTC", "Etc/UTC", "GMT", "Etc/GMT", "Universal", "Etc/Universal", "Zulu", "Etc/Zulu")

ZONES = """
select
    coalesce('role ' || r.rolname, 'every role') || ', ' || coalesce('database ' || d.datname, 'every database'),
    split_part(setting, '=', 2)
from pg_catalog.pg_db_role_setting as s
left join pg_catalog.pg_roles as r on s.setrole = r.oid
left join pg_catalog.pg_database as d on s.setdatabase = d.oid
cross join unnest(s.setconfig) as setting
where split_part(setting, '=', 1) ilike 'timezone' and (d.datname is null or d.datname = current_database())
order by 1
"""
SIZES = """
select
    c.relname,
    c.reltuples,
    exists (
        select
        from pg_catalog.pg_index as i
        inner join pg_catalog.pg_attribute as a on i.indrelid = a.attrelid and i.indkey[0] = a.attnum
        where i.indrelid = c.oid and i.indisvalid and i.indpred is null and a.attname = any(%s)
    )
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where n.nspname = %s and c.relname = any(%s) and c.relkind in ('r', 'p', 'm')
"""


def examine(patient: Patient) -> Iterator[Finding]:
    yield _skew(patient)
    zone = patient.query("select reset_val from pg_catalog.pg_settings where name = 'TimeZone'")[0][0]
    others = [f"{who}: {value}" for who, value in patient.query(ZONES)]
    is_utc = zone in UTC_NAMES and all(value.rpartition(": ")[2] in UTC_NAMES for value in others)
    message = f"sessions are in {zone}" + (f" (set for {'; '.join(others)})" if others else "")
    if not is_utc:
        message += (
            ": now() in a column without a time zone, and current_date, are local; the models read such times as UTC"
        )
    yield Finding("time_zone", "ok" if is_utc else "info", "TimeZone", message)
    yield Finding(
        "reporting_timezone",
        "ok",
        "reporting_timezone",
        f"marts have date and hour in {patient.state['reporting_timezone']}",
    )
    yield from _without_zone(patient, is_utc)
    yield from _future(patient)


def _skew(patient: Patient) -> Finding:
    before = time.time()
    server = float(patient.query("select extract(epoch from clock_timestamp())")[0][0])
    after = time.time()
    skew = server - (before + after) / 2
    uncertain = (after - before) / 2
    message = f"the server's clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    if abs(skew) - uncertain > 60 * patient.state["clock_skew_tolerance_minutes"]:
        return Finding("clock_skew", "warning", "clock", message, "set both by NTP")
    if abs(skew) - uncertain > NOTED_SECONDS:
        return Finding("clock_skew", "info", "clock", message, "set both by NTP")
    return Finding("clock", "ok", "clock", "the server's clock agrees with this machine's")


def _without_zone(patient: Patient, is_utc: bool) -> Iterator[Finding]:
    for name, table in patient.tables.items():
        for column, kind in table.kinds.items():
            actual = patient.present[name].get(column, "")
            if kind == "timestamp with time zone" and actual.startswith("timestamp") and "without time zone" in actual:
                message = f"is {actual}: read as UTC, which is wrong if the application writes local time"
                remedy = f"alter table {quoted(patient.schema, name)} alter column {quoted(column)}"
                remedy += f" type timestamptz using {quoted(column)} at time zone 'UTC';"
                severity = "info" if is_utc else "warning"
                yield Finding("time_without_zone", severity, f"{name}.{column}", message, remedy)


def _future(patient: Patient) -> Iterator[Finding]:
    """Times that lie in the future, as far as they can be counted without reading a large table."""
    columns = {t.name: t.time_column or "timestamp" for t in patient.tables.values()}
    times = ("timestamp with time zone", "timestamp without time zone")
    readable = {
        name: column
        for name, column in columns.items()
        if patient.present[name].get(column, "").startswith("timestamp")
    }
    sizes = {
        name: (rows, indexed)
        for name, rows, indexed in patient.query(SIZES, sorted(set(readable.values())), patient.schema, list(readable))
    }
    minutes = patient.state["clock_skew_tolerance_minutes"]
    for name, column in readable.items():
        rows, is_indexed = sizes.get(name, (0, False))
        if rows > LARGE_TABLE_ROWS and not is_indexed:
            message = f"not looked at for times in the future: {rows:,.0f} rows, and no index on it"
            yield Finding("not_examined", "info", f"{name}.{column}", message)
            continue
        now = (
            "clock_timestamp()"
            if patient.present[name][column] == times[0]
            else "(clock_timestamp() at time zone 'UTC')"
        )
        statement = sql.SQL(
            "select count(*) from (select from {} where {} > " + now + " + %s * interval '1 minute' and {} < 'infinity'"
            " limit %s) as found"
        ).format(sql.Identifier(patient.schema, name), sql.Identifier(column), sql.Identifier(column))
        try:
            ((found,),) = patient.query(statement, minutes, MOST_COUNTED + 1)
        except psycopg2.errors.QueryCanceled:
            message = "not looked at for times in the future: that takes too long"
            yield Finding("not_examined", "info", f"{name}.{column}", message)
            continue
        except psycopg2.Error as error:
            if patient.connection.closed:
                raise
            message = f"not looked at for times in the future: {in_one_line(error)}"
            yield Finding("not_examined", "info", f"{name}.{column}", message)
            continue
        if found:
            count = f"more than {MOST_COUNTED:,}" if found > MOST_COUNTED else f"{found:,}"
            message = f"{count} rows are more than {minutes} minutes in the future"
            remedy = "correct the clock that writes them; the rows are in data_quality_issues (future_timestamp)"
            yield Finding("future_timestamps", "warning", f"{name}.{column}", message, remedy)
