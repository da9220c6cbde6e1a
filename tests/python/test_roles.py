"""The roles of create_roles, each logged in, trying what it must not do; and those that are to have nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg2
import pytest
import yaml
from conftest import (
    NO_TESTS,
    NO_UNIT_TESTS,
    ONE_SERVER,
    REPOSITORY,
    environment_of,
    execute,
    new_database,
    query,
    run_dbt,
)
from doors import (
    OWNER,
    PASSWORD,
    READER,
    REPORTER,
    SCHEMAS,
    SUPABASE_ROLES,
    TRANSFORMER,
    Doors,
    ask,
    give_default_privileges,
    give_passwords,
    open_doors,
)
from embedded_postgres import Server
from generate_sample_data import generate
from psycopg2.errors import InsufficientPrivilege, ObjectNotInPrerequisiteState, UndefinedTable, WrongObjectType

SECRETS = {
    "user_settings": "api_keys",
    "export_history": "download_url",
    "dashboard_exports": "download_url",
    "api_usage": "response_data",
}
NEW_MART = "drop view analytics.campaign_metrics"
GRANT = f"grant select on analytics.campaign_metrics to {READER}"
RELATIONS = """
    select nspname, relname, relkind from pg_class inner join pg_namespace as n on relnamespace = n.oid
    where relkind in ('r', 'p', 'v', 'm') and nspname not like 'pg\\_%' and nspname <> 'information_schema'
"""


@pytest.fixture(scope="module")
def doors(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Roles made by the owner, who is no superuser, and everything built by the transformer."""
    with open_doors(server, tmp_path_factory.mktemp("doors")) as doors:
        first_plan = doors.create_roles()
        assert query(doors.dsn, "select count(*) from pg_roles where rolname like 'analytics%'") == [(0,)]
        carried_out = doors.create_roles(apply=True)
        assert carried_out[:2] == first_plan[:2]
        assert carried_out[0] and carried_out[1]
        give_passwords(doors, TRANSFORMER, REPORTER)
        give_default_privileges(doors, TRANSFORMER)
        # once is enough for data tests with the transformer's rights
        left_out = NO_UNIT_TESTS if "embedded" in str(server.data_dir) else NO_TESTS
        doors.run("build", *left_out, tenant_mode=False)
        yield doors


def declared_columns() -> dict[str, set[str]]:
    sources = yaml.safe_load((REPOSITORY / "models/staging/sources/app.yml").read_text(encoding="utf-8"))
    return {table["name"]: {c["name"] for c in table["columns"]} for table in sources["sources"][0]["tables"]}


def refused(doors: Doors, role: str, statement: str) -> str:
    """The error of a statement that a role must not carry out, which must be about rights."""
    with doors.session(role) as connection, pytest.raises(InsufficientPrivilege) as error:
        ask(connection, statement)
    return str(error.value)


# The command


def test_the_docs_show_it() -> None:
    page = (REPOSITORY / "docs" / "rights.md").read_text(encoding="utf-8")
    commands = re.findall(r"^dbt run-operation create_roles(.*?)  +#", page, flags=re.MULTILINE)
    assert commands == ["", " --args '{apply: true}'"]


def test_second_time_there_is_nothing_to_do(doors: Doors) -> None:
    assert doors.create_roles()[:2] == (True, [])
    assert doors.create_roles(apply=True)[:2] == (True, [])


def test_plan_holds_no_password_and_says_how_to_set_one(doors: Doors) -> None:
    _, statements, notes = doors.create_roles(reporter_role="another")
    assert "create role another login;" in statements
    assert not [line for line in statements if "password" in line]
    assert [note for note in notes if "\\password another" in note]


def test_role_with_too_much_is_cut_down(doors: Doors) -> None:
    execute(
        doors.dsn,
        f"grant all on user_settings, campaigns to {TRANSFORMER}; grant select (download_url) on export_history to"
        f" {TRANSFORMER}; grant select on businesses to {REPORTER}",
    )
    success, statements, _ = doors.create_roles(apply=True)
    assert success
    assert [line.split(" from ")[0] for line in statements if line.startswith("revoke")] == [
        "revoke all on table public.businesses",
        "revoke all on table public.campaigns",
        "revoke all on table public.user_settings",
        "revoke SELECT (download_url) on public.export_history",
    ]
    assert doors.create_roles()[1] == []
    refused(doors, TRANSFORMER, "select api_keys from user_settings")
    refused(doors, REPORTER, "select 1 from businesses")


def test_what_is_open_to_everybody_is_told(doors: Doors) -> None:
    execute(doors.dsn, "create table more (secret text); grant select on more to public")
    _, statements, notes = doors.create_roles()
    assert statements == []
    assert {role for role in (REPORTER, TRANSFORMER) for note in notes if f"{role} can also read" in note} == {
        REPORTER,
        TRANSFORMER,
    }
    execute(doors.dsn, "drop table more; alter table campaigns enable row level security")
    (note,) = [note for note in doors.create_roles()[2] if "row-level security" in note]
    execute(doors.dsn, note.partition("policy: ")[2])
    with doors.session(TRANSFORMER) as connection:
        assert ask(connection, "select count(*) from campaigns") != [(0,)]
    assert not [note for note in doors.create_roles()[2] if "row-level security" in note]
    execute(doors.dsn, f"drop policy {TRANSFORMER} on campaigns; alter table campaigns disable row level security")


@pytest.mark.parametrize("variable", ["transformer_role", "reporter_role"])
@pytest.mark.parametrize(
    "role", ["postgres", OWNER, "pg_read_all_data", "public", "", "x" * 64, "\u00fc" * 32, TRANSFORMER + "\0"]
)
def test_role_that_must_not_be_changed_is_refused(doors: Doors, variable: str, role: str) -> None:
    success, statements, _ = doors.create_roles(apply=True, **{variable: role})
    assert (success, statements) == (False, [])


def test_odd_name_is_a_name(doors: Doors) -> None:
    odd = """o'dd "name" of 100 %; drop table campaigns; --"""
    odd += "\u00fc" * ((63 - len(odd)) // 2)  # as long as names may be, in bytes
    quoted = '"' + odd.replace('"', '""') + '"'
    assert doors.create_roles(apply=True, reporter_role=odd)[0]
    assert doors.create_roles(reporter_role=odd)[1] == []
    may_use = "select has_schema_privilege(oid, 'analytics', 'usage') from pg_roles where rolname like 'o''dd%'"
    assert query(doors.dsn, may_use) == [(True,)]
    execute(doors.dsn, f"drop owned by {quoted}; drop role {quoted}")
    assert query(doors.dsn, "select count(*) > 0 from campaigns") == [(True,)]


def test_owner_who_may_not_make_roles_is_told_before_the_plan(doors: Doors) -> None:
    new = {"reporter_role": "another"}
    execute(doors.dsn, f"alter role {OWNER} nocreaterole")
    try:
        success, lines = doors.print_roles(**new)
        assert success
        assert lines[0].startswith("-- Missing, without which this cannot be carried out") and OWNER in lines[0]
        assert lines.index("create role another login;") > 0
        success, lines = doors.print_roles(apply=True, **new)
        assert not success and "create role another login;" not in lines
        assert query(doors.dsn, "select count(*) from pg_roles where rolname = 'another'") == [(0,)]
        # and where nothing is to be done, nothing is missing
        assert doors.print_roles()[1][0].startswith("-- Nothing to do")
        execute(doors.dsn, doors.print_roles(**new)[1][0].partition("superuser, ")[2])
        assert not [line for line in doors.print_roles(**new)[1] if line.startswith("-- Missing")]
    finally:
        execute(doors.dsn, f"alter role {OWNER} createrole")


def test_owner_is_told_of_roles_of_others_and_tables_of_others(doors: Doors) -> None:
    """Roles that another has made can be set up by whoever administers them, since PostgreSQL 16."""
    execute(doors.dsn, "create role another login; alter table lead_emails owner to postgres")
    execute(doors.dsn, f"alter database doors owner to postgres; revoke select on lead_emails from {TRANSFORMER}")
    try:
        _, lines = doors.print_roles(reporter_role="another")
        missing = [line for line in lines if line.startswith("-- Missing")]
        assert lines[: len(missing)] == missing
        needs = [line for line in missing if "admin option" in line]
        assert len(needs) == (query(doors.dsn, "show server_version_num")[0][0] >= "160000")
        (tables,) = [line for line in missing if "ownership" in line]
        assert "public.lead_emails" in tables and tables.endswith("call it as postgres")
        assert not doors.print_roles(apply=True, reporter_role="another")[0]
        for need in needs:
            execute(doors.dsn, need.partition("superuser, ")[2])
        execute(doors.dsn, f"alter table lead_emails owner to {OWNER}; alter database doors owner to {OWNER}")
        assert doors.create_roles(apply=True, reporter_role="another")[0]
    finally:
        execute(doors.dsn, f"alter table lead_emails owner to {OWNER}; alter database doors owner to {OWNER}")
        execute(doors.dsn, "drop owned by another; drop role another")
        assert doors.create_roles(apply=True)[0]


@ONE_SERVER
def test_takes_over_what_another_role_has_built(server: Server, doors: Doors) -> None:
    with new_database(server) as dsn:
        generate(dsn, "current", api_calls=1_000)
        target = ["--target-path", str(doors.target_path)]
        build = ["build", *NO_TESTS, *target]
        assert run_dbt(build, environment_of(dsn)).success
        execute(dsn, "create view analytics.own as select 1 as a")
        execute(dsn, f"alter view analytics.own owner to {READER}")
        arguments = ["run-operation", "create_roles", "--quiet", "--args", "{apply: true}", *target]
        assert run_dbt(arguments, environment_of(dsn)).success
        owners = query(
            dsn,
            "select distinct relowner::regrole::text from pg_class inner join pg_namespace as n on relnamespace = n.oid"
            " where nspname like 'analytics%' and relkind in ('v', 'r') and relname <> 'own'",
        )
        assert owners == [(TRANSFORMER,)]
        assert query(dsn, "select relowner::regrole::text from pg_class where relname = 'own'") == [(READER,)]
        as_transformer = psycopg2.extensions.make_dsn(dsn, user=TRANSFORMER, password=PASSWORD)
        assert run_dbt([*build, "--full-refresh"], environment_of(as_transformer)).success
        execute(dsn, f"drop owned by {TRANSFORMER}, {REPORTER}, {READER} cascade")


# The transformer


def test_transformer_reads_exactly_what_the_models_read(doors: Doors) -> None:
    columns = query(
        doors.dsn,
        f"""
        select
            table_name, column_name,
            has_column_privilege('{TRANSFORMER}', 'public.' || table_name, column_name, 'select')
        from information_schema.columns where table_schema = 'public'
        """,
    )
    declared = declared_columns()
    assert {(table, column) for table, column, is_readable in columns if is_readable} == {
        (table, column) for table, column, _ in columns if column in declared.get(table, ())
    }
    for table, column in SECRETS.items():
        assert (table, column, False) in columns
        refused(doors, TRANSFORMER, f"select {column} from {table}")
        refused(doors, TRANSFORMER, f"select t::text from {table} as t")


@pytest.mark.parametrize(
    "statement",
    [
        "update campaigns set name = 'x'",
        "delete from campaigns",
        "truncate campaigns",
        "insert into campaigns (id) values (gen_random_uuid())",
        "alter table campaigns add x int",
        "create index on campaigns (name)",
        "create trigger t before insert on campaigns execute function suppress_redundant_updates_trigger()",
        "drop table campaigns",
        "grant select on campaigns to public",
        "create schema more",
        "create role more",
        "copy campaigns to program 'true'",
        f"set role {OWNER}",
        f"alter role {REPORTER} createrole",
    ],
)
def test_transformer_may_not(doors: Doors, statement: str) -> None:
    refused(doors, TRANSFORMER, statement)


# The reporter


def test_reporter_reads_the_marts_and_nothing_else(doors: Doors) -> None:
    with doors.session(REPORTER) as connection:
        for schema, relation, _ in query(doors.dsn, RELATIONS):
            if schema in ("analytics", "analytics_metrics"):
                ask(connection, f'select * from {schema}."{relation}" limit 1')
            else:
                with pytest.raises(InsufficientPrivilege):
                    ask(connection, f'select 1 from {schema}."{relation}" limit 1')
        assert ask(connection, "show jit") == [("off",)]
        assert ask(connection, "select count(*) from analytics.enhanced_leads where phone is not null") != [(0,)]


def test_reporter_writes_nothing(doors: Doors) -> None:
    with doors.session(REPORTER) as connection:
        for schema, relation, _ in query(doors.dsn, RELATIONS):
            for statement in ("insert into {} default values", "delete from {}", "truncate {}", "drop view {}"):
                # The second for a view that nobody could write through.
                with pytest.raises((InsufficientPrivilege, ObjectNotInPrerequisiteState, WrongObjectType)):
                    ask(connection, statement.format(f'{schema}."{relation}"'))
        ask(connection, "grant select on analytics.campaign_analytics to public")  # a warning, and no effect
    written = query(
        doors.dsn,
        f"""
        select relname from pg_class
        where relkind in ('r', 'v') and relnamespace::regnamespace::text !~ '^(pg_|inf)' and has_table_privilege(
                '{REPORTER}', oid, 'insert, update, delete, truncate, references, trigger'
            )
        union all
        select relname from pg_class, aclexplode(relacl) where grantee = 0 and relnamespace = 'analytics'::regnamespace
        """,
    )
    assert written == []


@pytest.mark.parametrize(
    "statement",
    [
        *(f"create table {schema}.more (a int)" for schema in ("analytics", "analytics_staging", "analytics_audit")),
        "create view analytics.more as select 1",
        "create function analytics.more() returns int language sql as 'select 1'",
        "create type analytics.more as (a int)",
        "create schema more",
        "create role more",
        "create or replace view analytics.campaign_analytics as select 1",
        "alter view analytics.campaign_analytics set (security_invoker = false)",
        "create rule r as on insert to analytics.campaign_analytics do instead nothing",
        "comment on view analytics.campaign_analytics is 'x'",
        f"set role {TRANSFORMER}",
        f"set role {OWNER}",
        f"set session authorization {TRANSFORMER}",
        f"grant {TRANSFORMER} to {REPORTER}",
        f"reassign owned by {TRANSFORMER} to {REPORTER}",
        "select analytics_staging.rollup_watermark('int_api_records_hourly_rollup')",
        "select analytics_staging.try_cast('1', 'int')",
        "select * from analytics_staging.pair_in_order(null, null, null)",
        "select 'analytics_staging.stg_campaigns'::regclass",
        "select pg_read_file('/etc/hostname')",
        "select lo_import('/etc/hostname')",
        "copy (select 1) to program 'true'",
        "copy analytics_staging.stg_campaigns to stdout",
        "select query_to_xml('table user_settings', false, false, '')",
        "explain select * from user_settings",
        "begin; lock table user_settings; commit",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user",
    ],
)
def test_reporter_may_not(doors: Doors, statement: str) -> None:
    message = refused(doors, REPORTER, statement)
    assert "fake-secret" not in message


def test_reporter_learns_nothing_from_statistics(doors: Doors) -> None:
    execute(doors.dsn, "analyze")
    with doors.session(REPORTER) as connection:
        assert ask(connection, "select * from pg_stats where schemaname ~ '^(analytics|public)'") == []
        with pytest.raises(InsufficientPrivilege):
            ask(connection, "select * from pg_statistic")


def test_reporter_sees_no_secret_in_an_error(doors: Doors) -> None:
    """Each text of the marts, cast to a number: the error quotes it."""
    columns = query(
        doors.dsn,
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'analytics' and data_type in ('text', 'ARRAY', 'jsonb')",
    )
    with doors.session(REPORTER) as connection:
        for mart, column in columns:
            try:
                ask(connection, f'select max(cast(cast("{column}" as text) as int)) from analytics.{mart}')
            except psycopg2.errors.InvalidTextRepresentation as error:
                assert "fake-secret" not in str(error)
                assert "analytics_" not in str(error)


# Across runs


@ONE_SERVER
@pytest.mark.parametrize(
    "before",
    [
        "select 1",
        NEW_MART,
        # what stands in its place cannot be replaced in place
        f"{NEW_MART}; create view analytics.campaign_metrics as select 1 as other; {GRANT}",
        f"{NEW_MART}; create table analytics.campaign_metrics (other int); {GRANT}",
        f"revoke all on analytics.campaign_metrics from {REPORTER}; revoke usage on schema analytics from {REPORTER}",
        f"grant all on analytics.campaign_metrics to {REPORTER}",
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--full-refresh",)])
def test_rights_are_kept(doors: Doors, before: str, arguments: tuple[str, ...]) -> None:
    execute(doors.dsn, f"grant usage on schema analytics to {READER}; {GRANT}")
    is_new = before == NEW_MART
    with doors.session(TRANSFORMER) as connection:
        ask(connection, before)
    doors.run("run", "--select", "campaign_metrics", "int_leads_hourly_rollup", *arguments, tenant_mode=False)
    with doors.session(REPORTER) as connection:
        assert ask(connection, "select count(*) from analytics.campaign_metrics") != [(0,)]
    held = query(
        doors.dsn,
        "select distinct privilege_type from pg_class, aclexplode(relacl)"
        f" where relnamespace = 'analytics'::regnamespace and grantee = '{REPORTER}'::regrole",
    )
    assert held == [("SELECT",)]
    others = query(doors.dsn, f"select has_table_privilege('{READER}', 'analytics.campaign_metrics', 'select')")
    assert others == [(not is_new,)]


@ONE_SERVER
def test_a_role_that_is_no_reporter_any_more_has_nothing(doors: Doors) -> None:
    later, renamed = 'Later "one"', "o'ld"
    execute(doors.dsn, f"grant usage on schema analytics to {READER}; {GRANT}")
    kept = doors.rights_of(READER)

    def run(reporter: str = REPORTER) -> None:
        doors.run("run", "--select", "stg_campaigns", tenant_mode=False, reporter_role=reporter)
        assert doors.rights_of(READER) == kept

    try:
        # nothing has been run with it
        assert doors.create_roles(apply=True, reporter_role=later)[0]
        held = doors.rights_of(later)
        assert len(held) > 10
        run()
        assert (doors.rights_of(later), doors.rights_of(REPORTER)) == ([], held)
        # a database from before anything was remembered, and whatever somebody has added by hand
        execute(
            doors.dsn,
            f"""
            drop table analytics_staging.reading_roles;
            grant select (campaign_id) on analytics_staging.stg_campaigns to {REPORTER};
            grant all on schema analytics_intermediate to {REPORTER};
            grant execute on all functions in schema analytics_staging to {REPORTER};
            alter default privileges for role {TRANSFORMER} in schema analytics grant select on tables to {REPORTER};
            """,
        )
        assert len(doors.rights_of(REPORTER)) > len(held) + 3
        run(later)
        assert (doors.rights_of(REPORTER), doors.rights_of(later)) == ([], held)
        execute(doors.dsn, f"""alter role "Later ""one""\" rename to "{renamed}\"""")
        run()
        assert (doors.rights_of(renamed), doors.rights_of(REPORTER)) == ([], held)
        # restored from a dump, on a server where another role has that oid
        execute(
            doors.dsn,
            f"""
            create table analytics_staging.restored as
            select role_name, '{READER}'::regrole::oid as role_oid, table_oid from analytics_staging.reading_roles;
            alter table analytics_staging.restored owner to {TRANSFORMER};
            drop table analytics_staging.reading_roles;
            alter table analytics_staging.restored rename to reading_roles;
            """,
        )
        run(renamed)
        assert (doors.rights_of(REPORTER), doors.rights_of(renamed)) == ([], held)
    finally:
        for (role,) in query(doors.dsn, "select quote_ident(rolname) from pg_roles where rolname ~ 'Later|o.ld'"):
            execute(doors.dsn, f"drop owned by {role}; drop role {role}")
        assert doors.create_roles(apply=True)[0]


def test_the_docs_keep_an_analyst_from_changing_the_reporter(doors: Doors) -> None:
    """Who logs in as a role may change its password and settings; who is in it, only for logins that there are not."""
    page = (REPOSITORY / "docs" / "rights.md").read_text(encoding="utf-8")
    ((login,),) = [re.findall("`(create role ana .*?)`", page)]
    setting, shown = f"alter role {REPORTER} set statement_timeout = '1min'", "show statement_timeout"
    with doors.session(REPORTER) as connection:
        ask(connection, setting)
        ask(connection, f"alter role {REPORTER} set statement_timeout = default")
    try:
        with doors.session(OWNER) as connection:
            ask(connection, login)
        execute(doors.dsn, "create role ben login in role analytics_reporter")
        give_passwords(doors, "ana", "ben")
        refused(doors, "ana", setting)
        with doors.session("ana") as connection:
            assert ask(connection, "select count(*) from analytics.campaign_analytics") != [(0,)]
            ask(connection, f"set role {REPORTER}")
            ask(connection, setting)
        for role in ("ana", "ben"):
            with doors.session(role) as connection:
                assert ask(connection, shown) == [("0",)]
        with pytest.raises(psycopg2.OperationalError, match="not permitted to log in"), doors.session(REPORTER):
            pass
    finally:
        execute(doors.dsn, f"alter role {REPORTER} login; alter role {REPORTER} reset statement_timeout")
        execute(doors.dsn, "drop role if exists ana, ben")


# Those that are to have nothing


@pytest.mark.parametrize("role", SUPABASE_ROLES)
def test_roles_of_the_application_get_nothing_by_default(doors: Doors, role: str) -> None:
    """Although default privileges have given them all rights on whatever the transformer makes."""
    held = query(
        doors.dsn,
        f"""
        select 'schema', nspname, nspacl::text from pg_namespace where nspname like 'analytics%'
            and (has_schema_privilege('{role}', oid, 'usage') or has_schema_privilege('{role}', oid, 'create'))
        union all
        select 'relation', relname, relacl::text from pg_class where relnamespace::regnamespace::text like 'analytics%'
            and relkind in ('r', 'v') and has_table_privilege('{role}', oid, 'select, insert, update, delete, truncate')
        union all
        select 'function', proname, proacl::text from pg_proc, aclexplode(proacl)
        where pronamespace::regnamespace::text like 'analytics%' and grantee = '{role}'::regrole
        """,
    )
    assert held == []
    with doors.session(role) as connection:
        for schema, relation, _ in query(doors.dsn, RELATIONS):
            if schema in SCHEMAS:
                with pytest.raises(InsufficientPrivilege):
                    ask(connection, f'select 1 from {schema}."{relation}"')


def test_default_privileges_are_what_is_taken_back(doors: Doors) -> None:
    """Without the project, they would be read: what the test before proves is not empty."""
    with doors.session(TRANSFORMER) as connection:
        ask(connection, "create table analytics_staging.more (a int)")
        assert ask(connection, "select has_table_privilege('anon', 'analytics_staging.more', 'select')") == [(True,)]
        doors.run("run", "--select", "stg_campaigns", tenant_mode=False)
        assert ask(connection, "select has_table_privilege('anon', 'analytics_staging.more', 'select')") == [(False,)]
        ask(connection, "drop table analytics_staging.more")


def test_schema_is_closed_before_anything_is_in_it(doors: Doors) -> None:
    """One that dbt makes itself, by a role whose default privileges open every new schema."""
    execute(doors.dsn, f"grant create on database doors to {TRANSFORMER}; drop schema analytics_tenant cascade")
    doors.run("run", "--select", "tenant_dashboard_exports")
    assert query(doors.dsn, "select has_schema_privilege('anon', 'analytics_tenant', 'usage')") == [(False,)]
    assert query(doors.dsn, "select has_schema_privilege('authenticated', 'analytics_tenant', 'usage')") == [(True,)]
    doors.run("run", "--select", "stg_campaigns", tenant_mode=False)
    execute(doors.dsn, f"revoke create on database doors from {TRANSFORMER}")
    assert query(doors.dsn, "select has_schema_privilege('authenticated', 'analytics_tenant', 'usage')") == [(False,)]
    with doors.session("authenticated") as connection, pytest.raises((InsufficientPrivilege, UndefinedTable)):
        ask(connection, "select 1 from analytics_tenant.dashboard_exports")
