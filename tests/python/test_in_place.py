"""How relations are replaced: each case of the materializations, in a small project that has no other macros."""

from __future__ import annotations

import csv
import io
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from conftest import REPOSITORY, describe_failures, environment_of, execute, query, run_dbt

# One server will do: the whole project is built on both, and the catalogues that are compared are the same.
pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

PROJECT = """
name: small
profile: leadgen_analytics
flags: {send_anonymous_usage_stats: false}
on-run-end: ["{{ drop_retired_relations() }}"]
"""
NEVER_HANG = """
do $$ begin
    execute format('alter database %I set lock_timeout = %L', current_database(), '5s');
end $$
"""
# Less than the lock is waited for. The database's, for this is its tests' only role.
IN_A_HURRY = """
do $$ begin
    execute format('alter database %I set lock_timeout = %L', current_database(), '10ms');
    execute format('alter database %I set statement_timeout = %L', current_database(), '2s');
end $$
"""
# A quarter of what servers allow: where the number of rows decides how deep a statement is, this shows with fewer.
SHALLOW = """
do $$ begin
    execute format('alter database %I set max_stack_depth = %L', current_database(), '500kB');
end $$
"""
# What a reader may wait for a lock, which is less than the builds below take: nothing is said of a busy machine's time.
READ_SOON = "set lock_timeout = '2s'"
LOCK_ASKED_FOR = """
select waitstart from pg_locks
where relation = 'analytics.mart'::regclass and not granted and waitstart is not null
"""
MART = "select 1 as a, 'x' as b"
ANALYST = """
create role {role};
grant usage on schema analytics to {role};
grant select on analytics.mart to {role} with grant option;
create schema own;
create view own.copy as select a from analytics.mart;
"""


@dataclass(frozen=True)
class Project:
    """A project of one model, `mart`, unless a test adds more. `dsn` is the database that it is built in."""

    folder: Path
    dsn: str

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def build(self, mart: str | None = None, *arguments: str) -> str:
        """Write the model, run dbt, and return what was done to it."""
        result = self.invoke(mart, *arguments)
        assert result.success, describe_failures(result)
        return {node.node.name: node.message for node in result.result}.get("mart")

    def invoke(self, mart: str | None = None, *arguments: str):
        if mart is not None:
            self.write("models/mart.sql", mart)
        return run_dbt(["build", *arguments], environment_of(self.dsn), self.folder)

    def identity(self, relation: str = "analytics.mart") -> tuple:
        """The relation's oid, and which transaction wrote its entry in the catalogue last."""
        return query(self.dsn, f"select oid, xmin::text from pg_class where oid = '{relation}'::regclass")[0]

    def relations(self) -> list[str]:
        found = query(
            self.dsn,
            "select relname from pg_class where relnamespace = 'analytics'::regnamespace and relkind in ('r', 'v')",
        )
        return sorted(name for (name,) in found)

    def retired(self) -> list[str]:
        return [name for name in self.relations() if "__dbt_old_" in name]

    def rows(self, statement: str = "select * from analytics.mart") -> list[tuple]:
        return query(self.dsn, statement)

    def grants(self) -> list[tuple]:
        return self.rows(
            "select grantee::regrole::text, privilege_type, is_grantable from pg_class, aclexplode(relacl)"
            " where oid = 'analytics.mart'::regclass and grantee <> relowner order by 1, 2"
        )


@pytest.fixture
def project(empty_database: str, tmp_path: Path) -> Project:
    shutil.copytree(REPOSITORY / "macros" / "materializations", tmp_path / "macros")
    project = Project(tmp_path, empty_database)
    project.write("dbt_project.yml", PROJECT)
    execute(empty_database, NEVER_HANG)
    return project


@pytest.fixture
def analyst(project: Project) -> Iterator[str]:
    """A role that may read the mart, which is built, and that has a view of its own on it (own.copy)."""
    role = "analyst_" + project.dsn.rpartition("dbname=test_")[2].split()[0]
    project.build(MART)
    execute(project.dsn, ANALYST.format(role=role))
    yield role
    execute(project.dsn, f"drop owned by {role}; drop role {role}")


def config(sql: str, **settings: object) -> str:
    return "{{ config(" + ", ".join(f"{name}={value!r}" for name, value in settings.items()) + ") }}\n" + sql


def table(sql: str, **settings: object) -> str:
    return config(sql, materialized="table", **settings)


# Views


def test_unchanged_view_is_left_alone(project: Project) -> None:
    model = config(MART, persist_docs={"relation": True, "columns": True}, grants={"select": ["pg_monitor"]})
    project.write("models/mart.yml", "models: [{name: mart, description: It, columns: [{name: a, description: One}]}]")
    project.build(model)
    before = project.identity(), project.rows("select xmin::text, * from pg_description where objoid >= 16384")
    assert project.build() == "KEEP"
    assert project.build(model, "--full-refresh") == "KEEP"
    described = project.rows("select xmin::text, * from pg_description where objoid >= 16384")
    assert (project.identity(), described) == before
    assert {row[-1] for row in described} == {"It", "One"}
    assert project.grants() == [("pg_monitor", "SELECT", False)]


@pytest.mark.parametrize("changed", ["select 2 as a, 'x' as b", "select 2 as a, 'x' as b, 3 as c"])
def test_view_is_replaced_in_place(project: Project, analyst: str, changed: str) -> None:
    (oid, _), grants = project.identity(), project.grants()
    assert project.build(changed) == "REPLACE"
    assert project.identity()[0] == oid
    assert project.grants() == grants != []
    assert project.rows("select * from own.copy") == [(2,)]


@pytest.mark.parametrize(
    "changed", ["select 2 as a", "select 'two' as a, 'x' as b", "select 'x' as b, 2 as a", table("select 2 as a")]
)
def test_other_changes_retire_the_view(
    project: Project, analyst: str, changed: str, capfd: pytest.CaptureFixture
) -> None:
    grants = project.grants()
    project.build(changed)
    assert project.rows()[0][0] in (2, "two", "x")
    assert project.grants() == grants != []
    # The analyst's view goes on, on what it was built on; each run says so until it is created again.
    assert project.rows("select * from own.copy") == [(1,)]
    for _ in range(2):
        assert "out of date, and still read by own.copy" in capfd.readouterr().out
        assert len(project.retired()) == 1
        project.build()
    execute(project.dsn, "drop view own.copy")
    project.build()
    assert project.retired() == []


def test_what_is_built_on_a_retired_view_moves_over(project: Project) -> None:
    project.write("models/above.sql", "select a from {{ ref('mart') }}")
    project.build(MART)
    project.build("select 'one' as a")
    assert project.rows("select * from analytics.above") == [("one",)]
    assert project.relations() == ["above", "mart"]


def test_skipped_models_stay_on_the_retired_view(project: Project) -> None:
    project.write("models/above.sql", "select a from {{ ref('mart') }}")
    project.build(MART)
    project.write("tests/fails.sql", "select * from {{ ref('mart') }}")
    assert not project.invoke("select 'one' as a").success
    assert project.rows("select * from analytics.above") == [(1,)]
    (project.folder / "tests/fails.sql").unlink()
    project.build()
    assert project.relations() == ["above", "mart"]


def test_view_options_and_sql_header(project: Project) -> None:
    execute(project.dsn, "create schema elsewhere; create table elsewhere.there as select 1 as a")
    options = "select reloptions from pg_class where oid = 'analytics.mart'::regclass"
    header = "{% call set_sql_header(config) %} set local search_path = elsewhere; {% endcall %}"
    model = header + "select a from there"
    project.build(config(model, meta={"view_options": {"security_barrier": True}}))
    (given,) = project.rows(options)[0]
    assert [option.lower() for option in given] == ["security_barrier=true"]
    assert project.build() == "KEEP"
    assert project.build(model) == "REPLACE"
    assert project.rows(options) == [(None,)]
    project.build(table(model))
    project.build(table(model))
    assert project.rows() == [(1,)]


# Tables


def test_table_is_refilled_in_place(project: Project) -> None:
    indexes = [{"columns": ["a"], "unique": True}]
    project.build(table(MART, indexes=indexes))
    oid = project.identity()[0]
    execute(project.dsn, "create view copy as select * from analytics.mart")
    project.build(table("select 2 as a, 'y' as b", indexes=indexes), "--full-refresh")
    assert project.identity()[0] == oid
    assert project.rows("select * from copy") == [(2, "y")]
    assert len(project.rows("select 1 from pg_index where indrelid = 'analytics.mart'::regclass")) == 1


def test_readers_see_the_old_rows_until_the_new_ones_are_there(project: Project) -> None:
    project.build(table("select 1 as a"))
    slow = table("select 2 as a from (select pg_sleep(3)) as slow")
    with _in_background(lambda: project.build(slow)) as build:
        seen = set()
        while build.is_alive():
            seen.add(project.rows(f"{READ_SOON}; select * from analytics.mart")[0][0])
            time.sleep(0.05)
    assert seen | {project.rows()[0][0]} == {1, 2}


def test_table_is_extended(project: Project) -> None:
    project.build(table(MART))
    oid = project.identity()[0]
    execute(project.dsn, "create view copy as select a from analytics.mart")
    project.build(table("select 'new' as c, 2 as a, 'y' as b"))
    assert project.identity()[0] == oid
    assert project.rows() == [(2, "y", "new")]
    assert project.rows("select * from copy") == [(2,)]


@pytest.mark.parametrize("indexes", [[], [{"columns": ["a"]}]])
def test_other_changes_retire_the_table(project: Project, indexes: list) -> None:
    project.build(table(MART))
    oid = project.identity()[0]
    execute(project.dsn, "create view copy as select a from analytics.mart")
    project.build(table("select 2 as a" + ", 'y' as b" * bool(indexes), indexes=indexes))
    assert project.identity()[0] != oid
    assert project.rows()[0][0] == 2
    assert project.rows("select * from copy") == [(1,)]
    found = project.rows("select indkey::text from pg_index where indrelid = 'analytics.mart'::regclass")
    assert found == [("1",)] * len(indexes)


CONTRACT = """
models:
  - name: mart
    config: {contract: {enforced: true}}
    columns:
      - {name: a, data_type: integer, constraints: [{type: not_null}]}
      - {name: b, data_type: TYPE}
"""


@pytest.mark.parametrize("materialized", ["view", "table", "incremental"])
def test_contract_is_enforced(project: Project, materialized: str) -> None:
    model = config(MART, materialized=materialized, on_schema_change="fail")
    project.write("models/mart.yml", CONTRACT.replace("TYPE", "text"))
    project.build(model)
    before = project.identity()[0]
    project.build(model, "--full-refresh")
    project.write("models/mart.yml", CONTRACT.replace("TYPE", "bigint"))
    result = project.invoke(model, "--full-refresh")
    assert "enforced contract that failed" in describe_failures(result)
    assert project.identity()[0] == before


@pytest.mark.parametrize("materialized", ["view", "table", "incremental"])
def test_a_contract_with_a_bare_numeric_is_warned_of(
    project: Project, materialized: str, capfd: pytest.CaptureFixture
) -> None:
    model = config("select 1 as a, 1.5 as b", materialized=materialized, on_schema_change="fail")
    project.write("models/mart.yml", CONTRACT.replace("TYPE", "numeric"))
    for _ in range(2):
        project.build(model)
        assert "numeric type and unspecified precision/scale" in capfd.readouterr().out


# Incremental

STRATEGY = """
{% macro get_incremental_newest_sql(arg_dict) %}
    delete from {{ arg_dict.target_relation }} where a = 1;
    insert into {{ arg_dict.target_relation }} (a) select a from {{ arg_dict.temp_relation }}
{% endmacro %}
"""


def test_incremental_goes_on_with_a_strategy_of_its_own(project: Project) -> None:
    model = config(
        "select {{ 2 if is_incremental() else 1 }} as a",
        materialized="incremental",
        incremental_strategy="newest",
        post_hook="insert into analytics.hook select txid_current(), (select max(xmin::text) from {{ this }})",
    )
    project.write("macros/strategy.sql", STRATEGY)
    execute(project.dsn, "create schema analytics; create table analytics.hook (transaction bigint, row_from text)")
    project.build(model)
    oid = project.identity()[0]
    assert project.rows() == [(1,)]
    project.build()
    assert project.rows() == [(2,)]
    project.build(None, "--full-refresh")
    assert project.rows() == [(1,)]
    assert project.identity()[0] == oid
    hooks = project.rows("select transaction::text, row_from from analytics.hook")
    assert len(hooks) == 3
    assert all(transaction == row_from for transaction, row_from in hooks)


@pytest.mark.parametrize("strategy", ["newest", "insert_overwrite"])
def test_an_unknown_strategy_is_refused_before_anything_is_built(project: Project, strategy: str) -> None:
    result = project.invoke(config(MART, materialized="incremental", incremental_strategy=strategy))
    assert "incremental strategy" in describe_failures(result)
    assert project.relations() == []


def test_a_changed_type_takes_no_view_away(project: Project) -> None:
    model = config("select cast('x' as TYPE) as a", materialized="incremental", on_schema_change="sync_all_columns")
    project.build(model.replace("TYPE", "varchar(3)"))
    execute(project.dsn, "create view copy as select * from analytics.mart")
    result = project.invoke(model.replace("TYPE", "varchar(5)"))
    assert "view copy depends on column" in describe_failures(result)
    assert project.rows("select * from copy") == [("x",)]
    project.build(None, "--full-refresh")
    assert project.rows("select * from copy") == [("x",)]
    execute(project.dsn, "drop view copy")
    project.build(model.replace("TYPE", "varchar(7)"))
    kind = "select format_type(atttypid, atttypmod) from pg_attribute"
    where = "where attrelid = 'analytics.mart'::regclass and attname = 'a'"
    assert project.rows(f"{kind} {where}") == [("character varying(7)",)]


# Seeds


def write_csv(project: Project, rows: Iterable[Iterable]) -> None:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    project.write("seeds/mart.csv", file.getvalue())


def test_seed(project: Project) -> None:
    file = "a,b,c\n1,x,2025-01-01\n2,,\n"
    project.write("seeds/mart.csv", file)
    assert project.build() == "INSERT 2"
    before = project.identity(), project.rows("select xmin::text, * from analytics.mart")
    assert project.build() == "KEEP 2"
    assert project.build(None, "--full-refresh") == "KEEP 2"
    assert (project.identity(), project.rows("select xmin::text, * from analytics.mart")) == before

    execute(project.dsn, "create view copy as select * from analytics.mart")
    project.write("seeds/mart.csv", file.replace("x", "y"))
    with _reading(project.dsn, "analytics.mart"):  # which a truncation would wait for
        assert project.build() == "INSERT 2"
    assert project.rows("select b from copy order by a") == [("y",), (None,)]
    assert project.identity()[0] == before[0][0]
    execute(project.dsn, "delete from analytics.mart where a = 1")
    assert project.build() == "INSERT 2"

    project.write("seeds/mart.csv", "a,d\nq,7\n")
    assert project.build() == "INSERT 1"
    assert project.rows() == [("q", 7)]
    assert project.rows("select b from copy order by a") == [("y",), (None,)]
    project.write("seeds/mart.csv", "a,d\n")
    project.write("seeds/mart.yml", "seeds: [{name: mart, config: {column_types: {a: text, d: integer}}}]")
    assert project.build() == "INSERT 0"
    assert project.build() == "KEEP 0"


def test_a_seed_of_many_rows(project: Project) -> None:
    rows = [["alias", "position", "kind"], *([f"a{number}", number, number % 7 or ""] for number in range(8_000))]
    execute(project.dsn, SHALLOW)
    write_csv(project, rows)
    assert project.build() == "INSERT 8000"
    assert project.build() == "KEEP 8000"
    write_csv(project, [*rows[:-1], ["a7999", 7999, "another"]])
    assert project.build() == "INSERT 8000"


SEED_TYPES = """
seeds:
  - name: mart
    config:
      column_types: {document: jsonb, list: "text[]", short: varchar(3), exact: "numeric(10, 2)", nothing: bigint}
"""
ODD_ROW = {
    "document": '{"a": "b, c"}',
    "list": '{x,"y z"}',
    "short": "abc",
    "exact": "1.5",
    "nothing": "",
    "yes": "true",
    "day": "2025-01-01",
    "moment": "2025-01-01T10:00:00",
    "number": "1.50",
    "words": "it's 5 % of \\ {}",
}


def test_a_seed_of_any_type_is_left_alone(project: Project) -> None:
    write_csv(project, [ODD_ROW.keys(), ODD_ROW.values(), [""] * len(ODD_ROW)])
    project.write("seeds/mart.yml", SEED_TYPES)
    assert project.build() == "INSERT 2"
    assert project.rows("select words, list[2] from analytics.mart where yes") == [(ODD_ROW["words"], "y z")]
    assert project.build() == "KEEP 2"


# Whatever it is


@pytest.mark.parametrize("leftover", ["view", "table", "materialized view"])
@pytest.mark.parametrize("materialized", ["view", "table", "seed"])
def test_what_has_the_name_of_a_draft_is_put_aside(project: Project, materialized: str, leftover: str) -> None:
    execute(project.dsn, f"create schema analytics; create {leftover} analytics.mart__dbt_tmp as select 1 as x")
    if materialized == "seed":
        project.write("seeds/mart.csv", "a,b\n1,x\n")
        project.build()
    else:
        project.build(config(MART, materialized=materialized))
    assert project.rows() == [(1, "x")]
    assert project.relations() == ["mart"]


def test_what_has_a_name_that_an_incremental_model_needs_is_put_aside(project: Project) -> None:
    model = config("select {{ 2 if is_incremental() else 1 }} as a", materialized="incremental")
    project.build(model)
    for suffix in ("tmp", "backup"):
        execute(project.dsn, f"create table analytics.mart__dbt_{suffix} as select 7 as x")
        execute(project.dsn, f"create view {suffix} as select * from analytics.mart__dbt_{suffix}")
    project.build()
    assert project.rows() == [(1,), (2,)]
    assert project.rows("select * from tmp, backup") == [(7, 7)]
    assert project.relations() == ["mart", *project.retired()]
    execute(project.dsn, "drop view tmp, backup")
    project.build()
    assert project.relations() == ["mart"]


@pytest.mark.parametrize("materialized", ["view", "table", "incremental", "seed"])
def test_names_that_are_not_quoted_may_have_capitals(project: Project, materialized: str) -> None:
    project.write("dbt_project.yml", PROJECT + "quoting: {identifier: false}\n")
    for number, columns in enumerate(["a", "a", "b"]):  # made, filled again, and replaced by another
        if materialized == "seed":
            project.write("seeds/MART.csv", f"{columns}\n{number}\n")
        else:
            model = config(f"select {number} as {columns}", materialized=materialized)
            project.write("models/MART.sql", model)
        project.build(None, "--full-refresh")
        assert project.rows() == [(number,)]
        assert project.relations() == ["mart"]


@pytest.mark.parametrize("materialized", ["view", "table"])
def test_hooks_run_inside_and_outside_the_transaction(project: Project, materialized: str) -> None:
    execute(project.dsn, "create schema analytics; create table analytics.hook (place text, transaction bigint)")
    hook = "insert into analytics.hook values ('{}', txid_current())"
    model = config(
        MART,
        materialized=materialized,
        pre_hook=[{"sql": hook.format("before"), "transaction": False}, hook.format("first")],
        post_hook=[hook.format("last"), {"sql": hook.format("after"), "transaction": False}],
    )
    for _ in range(2):
        project.build(model)
        found = project.rows("select * from analytics.hook order by transaction, place")
        assert [place for place, _ in found] == ["before", "first", "last", "after"]
        assert len({transaction for _, transaction in found}) == 3
        execute(project.dsn, "delete from analytics.hook")


@pytest.mark.parametrize("materialized", ["table", "incremental", "seed"])
def test_what_fails_after_a_column_was_added_leaves_the_rows(project: Project, materialized: str) -> None:
    fails = "select 1 / 0"
    if materialized == "seed":
        project.write("seeds/mart.csv", "a\n1\n")
        project.build()
        project.write("seeds/mart.csv", "a,c\n2,3\n")
        project.write("seeds/mart.yml", f"seeds: [{{name: mart, config: {{post_hook: {fails}}}}}]")
        result = project.invoke()
    else:
        settings = {"materialized": materialized, "on_schema_change": "append_new_columns"}
        project.build(config("select 1 as a", **settings))
        result = project.invoke(config("select 2 as a, 3 as c", **settings, post_hook=fails))
    assert "division by zero" in describe_failures(result)
    assert project.rows() == [(1, None)]


@pytest.mark.parametrize("materialized", ["view", "table"])
def test_a_model_may_commit_while_it_is_compiled(project: Project, materialized: str) -> None:
    commits = "{% if execute %}{% call statement() %}select 1{% endcall %}{% do adapter.commit() %}{% endif %}"
    for number in (1, 2):
        project.build(config(f"{commits} select {number} as a", materialized=materialized))
        assert project.rows() == [(number,)]


@pytest.mark.parametrize("materialized", ["view", "table"])
def test_grants_are_those_of_the_config(project: Project, materialized: str) -> None:
    project.build(config(MART, materialized=materialized, grants={"select": ["pg_monitor"]}))
    assert project.grants() == [("pg_monitor", "SELECT", False)]
    project.build(config(MART, materialized=materialized, grants={"select": ["pg_read_all_stats"]}))
    assert project.grants() == [("pg_read_all_stats", "SELECT", False)]


@pytest.mark.parametrize("materialized", ["view", "table"])
def test_comments_follow_the_documentation(project: Project, materialized: str) -> None:
    model = config(MART, materialized=materialized, persist_docs={"relation": True, "columns": True})
    project.write("models/mart.yml", "models: [{name: mart, description: It, columns: [{name: a, description: One}]}]")
    comments = """
        select obj_description(oid, 'pg_class'), col_description(oid, 1), col_description(oid, 2)
        from pg_class where oid = 'analytics.mart'::regclass
    """
    project.build(model)
    assert project.rows(comments) == [("It", "One", None)]
    project.write("models/mart.yml", "models: [{name: mart, description: Us, columns: [{name: b, description: Two}]}]")
    project.build()
    assert project.rows(comments) == [("Us", "One", "Two")]


@pytest.mark.parametrize(
    ("before", "after"), [(MART, "select 2 as a"), (table(MART), table("select 2 as a, 'x' as b, 3 as c"))]
)
def test_a_lock_is_waited_for_and_makes_nobody_wait(project: Project, before: str, after: str) -> None:
    project.build(before)
    execute(project.dsn, IN_A_HURRY)
    with _reading(project.dsn, "analytics.mart") as reader, _in_background(lambda: project.build(after)) as build:
        tries = set()
        while len(tries) < 4:
            assert build.is_alive()
            assert project.rows(f"{READ_SOON}; select * from analytics.mart") == [(1, "x")]
            tries |= set(project.rows(LOCK_ASKED_FOR))
        assert build.is_alive()
        reader.rollback()
    assert project.rows()[0][0] == 2
    assert project.retired() == []


def test_autocommit_is_refused(project: Project, tmp_path: Path) -> None:
    profile = (REPOSITORY / "profiles" / "profiles.yml").read_text()
    schema = "      schema: analytics\n"
    project.write("profiles.yml", profile.replace(schema, f"{schema}      autocommit: true\n"))
    for model in (MART, table(MART)):
        result = project.invoke(model, "--profiles-dir", str(project.folder))
        assert "take `autocommit: true` out of the profile" in describe_failures(result)
    assert project.relations() == []


def test_empty_and_docs(project: Project) -> None:
    project.write("models/above.sql", "select a from {{ ref('mart') }}")
    project.build(table(MART))
    project.build(None, "--empty", "--exclude", "mart")
    assert project.rows("select * from analytics.above") == []
    result = run_dbt(["docs", "generate"], environment_of(project.dsn), project.folder)
    assert result.success


def test_a_model_may_alter_what_it_reads_without_its_rows(project: Project) -> None:
    project.build(table(MART))
    alters = "{{ alter_column_type(ref('mart'), 'a', 'bigint') }}"
    project.write("models/above.sql", table(f"{alters} select a from {{{{ ref('mart') }}}}"))
    project.build(None, "--empty", "--exclude", "mart")
    assert project.rows("select a from analytics.above") == []


@contextmanager
def _reading(dsn: str, relation: str) -> Iterator[psycopg2.extensions.connection]:
    """A transaction that has read the relation and stays open."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.cursor().execute(f"select * from {relation}")
        yield connection


@contextmanager
def _in_background(work: Callable[[], object]) -> Iterator[threading.Thread]:
    """Run it beside the body, wait for it, and raise what it raised."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join()
    if errors:
        raise errors[0]
