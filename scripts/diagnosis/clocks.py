"""Clocks and time zones."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg2
from psycopg2 import sql

from .finding import Finding, Patient, in_one_line, see

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
LOGS = {"api_usage": "api_usage_log", "api_usage_log": "api_usage"}
NEWEST = 400
LEAST_SHARE = 0.3
# How far the newest times of a column without a zone are ahead of UTC, in quarters of an hour, with how many of them
# each fits. A time fits where a log of the same calls, or another time of the same row, has one within seconds.
OFFSETS = """
select quarters, count(*) as rows_that_fit, max(time_without_zone) as newest
from (
    select {column} as time_without_zone, {other} as same_moment
    from {table}
    where {column} < 'infinity'
    order by {column} desc
    limit %(newest)s
) as newest
cross join generate_series(-48, 56) as quarters
cross join lateral (
    select (time_without_zone - quarters * interval '15 minutes') at time zone 'UTC' as moment
) as with_offset
where exists (
    select
    from {log}
    where
        {moment} between with_offset.moment - %(seconds)s * interval '1 second'
        and with_offset.moment + %(seconds)s * interval '1 second'
)
group by quarters
order by rows_that_fit desc, abs(quarters)
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
    yield from _without_zone(patient, is_utc, [zone, *(value.rpartition(": ")[2] for value in others)])
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


def _without_zone(patient: Patient, is_utc: bool, zones: list[str]) -> Iterator[Finding]:
    for name, table in patient.tables.items():
        for column, kind in table.kinds.items():
            actual = patient.present[name].get(column, "")
            if kind == "timestamp with time zone" and actual.startswith("timestamp") and "without time zone" in actual:
                yield _of_one_without_zone(patient, name, column, is_utc, zones)


def _of_one_without_zone(patient: Patient, name: str, column: str, is_utc: bool, zones: list[str]) -> Finding:
    read_in = patient.state["source_timezone"]
    message = (
        f"is {patient.present[name][column]}: read in {read_in}, which is wrong if the application writes otherwise"
    )
    severity = "info" if is_utc else "warning"
    # no statement: it would fail on every view, and a wrong zone could not be told any more
    remedy = f"let a migration of the application give it a zone: {see('types')}"
    fitting = _fitting_zone(patient, name, column, zones)
    if fitting is None:
        message += "; nothing in the data says which zone it is in"
    else:
        zone, share = fitting
        severity = "info" if zone == read_in or {zone, read_in} <= set(UTC_NAMES) else "warning"
        message += f"; {share:.0%} of the newest times fit {zone}"
        written = zone if zone.startswith("interval ") else f"'{zone}'"
        remedy = f'let a migration of the application make it timestamptz using "{column}" at time zone {written}: '
        remedy += see("types")
        if severity == "warning" and not zone.startswith("interval "):
            remedy = f"set the variable source_timezone to {zone}, or {remedy}"
    return Finding("time_without_zone", severity, f"{name}.{column}", message, remedy)


def _fitting_zone(patient: Patient, name: str, column: str, zones: list[str]) -> tuple[str, float] | None:
    """A zone that the newest times fit, and the share of them: one that is set somewhere, or how far it is off UTC."""
    zoned = [other for other, kind in patient.present[name].items() if kind.endswith(" with time zone")]
    log = LOGS.get(name, "")
    is_logged = patient.present.get(log, {}).get("created_at", "").endswith("with time zone")
    if column == "created_at" and is_logged:
        parts = {
            "log": sql.Identifier(patient.schema, log),
            "moment": sql.Identifier("created_at"),
            "other": sql.SQL("null::timestamptz"),
        }
    elif zoned:
        parts = {
            "log": sql.SQL("(select 1) as row_itself"),
            "moment": sql.SQL("same_moment"),
            "other": sql.Identifier(zoned[0]),
        }
    else:
        return None
    table, of_column = sql.Identifier(patient.schema, name), sql.Identifier(column)
    statement = sql.SQL(OFFSETS).format(table=table, column=of_column, **parts)
    looked_at = sql.SQL("select least(count(*), %s) from (select from {} where {} < 'infinity' limit %s) as newest")
    try:
        with patient.connection.cursor() as cursor:
            cursor.execute(statement, {"newest": NEWEST, "seconds": NOTED_SECONDS})
            found = cursor.fetchall()
        ((rows,),) = patient.query(looked_at.format(table, of_column), NEWEST, NEWEST)
    except psycopg2.Error:  # too slow, or not readable: told as not known
        if patient.connection.closed:
            raise
        return None
    if not found or found[0][1] < LEAST_SHARE * rows:
        return None
    quarters, fitting, newest = found[0]
    offset = "select %s::timestamp - (%s::timestamp at time zone %s at time zone 'UTC') = %s * interval '15 minutes'"
    for zone in ("UTC", *zones):
        if patient.query(offset, newest, newest, zone, quarters)[0][0]:
            return zone, fitting / rows
    return f"interval '{quarters * 15} minutes'", fitting / rows


def _future(patient: Patient) -> Iterator[Finding]:
    """Times that lie in the future, as far as they can be counted without reading a large table."""
    columns = {t.name: t.time_column or "timestamp" for t in patient.tables.values()}
    times = ("timestamp with time zone", "timestamp without time zone")
    readable = {
        name: column
        for name, column in columns.items()
        if patient.present[name].get(column, "").startswith("timestamp")
    }
    for name, column in columns.items():
        kind = patient.present[name].get(column)
        if kind and name not in readable:
            message = f"not looked at for times in the future: it is {kind}"
            yield Finding("not_examined", "info", f"{name}.{column}", message)
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
