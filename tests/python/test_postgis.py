"""Coordinates that are kept as PostGIS's types are read where they can be, and stop nothing where they cannot."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest
from conftest import NO_TESTS, build, describe_failures, environment_of, execute, query, run_dbt

# Debian's PostgreSQL has the extension (postgresql-15-postgis-3), the embedded one has not.
pytestmark = pytest.mark.parametrize("server", ["postgres15"], indirect=True)

SOURCE = """
create table campaigns (id uuid primary key, name text, status text, created_at timestamptz);
create table enhanced_leads (
    id uuid primary key, campaign_id uuid, business_name text, confidence_score int, created_at timestamptz,
    location_coordinates {type}
);
"""
LEAD = """
insert into enhanced_leads values (
    ('00000000-0000-4000-8000-' || lpad('{number}', 12, '0'))::uuid, null, 'lead', 50, now(), {value}
)
"""
COORDINATES = "select longitude, latitude from analytics.enhanced_leads order by id"
BERLIN = ("13.4050000", "52.5200000")
NOTHING = (None, None)
FORMS = {
    "geography of points": (
        "{schema}.geography(point, 4326)",
        {"'SRID=4326;POINT(13.405 52.52)'": BERLIN, "'POINT EMPTY'": NOTHING, "null": NOTHING},
    ),
    "any geography": (
        "{schema}.geography",
        {"'POINT Z(13.405 52.52 34)'": BERLIN, "'LINESTRING(0 0, 1 1)'": NOTHING, "'POINT(13.405 52.52)'": BERLIN},
    ),
    "any geometry": (
        "{schema}.geometry",
        {
            "'SRID=4326;POINT(13.405 52.52)'": BERLIN,
            "'POINT(13.405 52.52)'": BERLIN,
            "'SRID=3857;POINT(13.405 52.52)'": NOTHING,  # metres, not degrees
            "'SRID=4326;POINT(1300 52.52)'": (None, "52.5200000"),
            "'SRID=4326;POLYGON((0 0, 1 1, 1 0, 0 0))'": NOTHING,
            "'SRID=4326;MULTIPOINT(1 1, 2 2)'": NOTHING,
            "'SRID=4326;POINT M(13.405 52.52 7)'": BERLIN,
            "{schema}.st_makepoint('NaN', 'Infinity')": NOTHING,
        },
    ),
}


@pytest.fixture
def database(empty_database: str) -> str:
    has_postgis = "select count(*) from pg_available_extensions where name = 'postgis'"
    if query(empty_database, has_postgis) != [(1,)]:
        pytest.skip("PostGIS is not installed (Debian and Ubuntu: postgresql-15-postgis-3)")
    return empty_database


def _fill(dsn: str, schema: str, form: str) -> list[tuple]:
    """Make the source with these coordinates; what they should be read as."""
    if schema != "public":
        execute(dsn, f"create schema {schema}")
    execute(dsn, f"create extension postgis schema {schema}")
    kind, values = FORMS[form]
    execute(dsn, SOURCE.format(type=kind.format(schema=schema)))
    for number, value in enumerate(values):
        execute(dsn, LEAD.format(number=number, value=value.format(schema=schema)))
    return list(values.values())


def _read(dsn: str) -> list[tuple]:
    return [tuple(value if value is None else str(value) for value in row) for row in query(dsn, COORDINATES)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("schema", ["public", '"Ext en"'])
def test_points_are_read(database: str, tmp_path: Path, schema: str, form: str):
    expected = _fill(database, schema, form)
    build(database, tmp_path, *NO_TESTS)
    assert _read(database) == expected


def test_a_role_that_may_not_use_postgis_reads_no_coordinates(database: str, tmp_path: Path):
    expected = _fill(database, "extensions", "any geometry")
    name = environment_of(database)["PGDATABASE"]
    execute(database, f"create role transformer login password 'x'; grant create on database {name} to transformer")
    try:
        execute(database, "grant select on all tables in schema public to transformer")
        role = psycopg2.extensions.make_dsn(database, user="transformer", password="x")
        models = ["--exclude-resource-type", "test", "unit_test"]
        result = run_dbt(["build", "--target-path", str(tmp_path), *models], environment_of(role))
        assert result.success, describe_failures(result)
        assert _read(database) == [NOTHING] * len(expected)
        execute(database, "grant usage on schema extensions to transformer")
        result = run_dbt(["build", "--target-path", str(tmp_path), *models], environment_of(role))
        assert result.success, describe_failures(result)
        assert _read(database) == expected
    finally:
        execute(database, "drop owned by transformer cascade; drop role transformer")
