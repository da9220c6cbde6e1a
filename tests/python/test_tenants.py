"""Tenant mode: what a user of the application sees of the marts, and the ways round it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg2
import pytest
from conftest import NO_TESTS, NO_UNIT_TESTS, REPOSITORY, at_one_moment, execute, query
from doors import (
    REPORTER,
    SUPABASE_ROLES,
    TRANSFORMER,
    Doors,
    ask,
    claim,
    give_default_privileges,
    give_passwords,
    open_doors,
)
from embedded_postgres import Server
from psycopg2.errors import InsufficientPrivilege, ObjectNotInPrerequisiteState, WrongObjectType
from psycopg2.extensions import connection as Connection
from test_contract import CONTRACT

TENANT = "authenticated"
VIEWS = sorted(path.stem.removeprefix("tenant_") for path in (REPOSITORY / "models" / "tenant").glob("*.sql"))
PAGE = (REPOSITORY / "docs" / "rights.md").read_text(encoding="utf-8")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Worst case: a tenant who can run any SQL, with a schema to create things in. `leak` tells what it is given.
OWN_SCHEMA = f"""
    create schema own authorization {TENANT};
    set role {TENANT};
    create function own.leak(value text) returns boolean language plpgsql cost 0.0000001 as
        $$ begin raise notice 'leaked %', value; return true; end $$;
    create function own.leak(value uuid) returns boolean language sql cost 0.0000001 as 'select own.leak(value::text)';
    create function own.leak_two(a text, b text) returns boolean language plpgsql cost 0.0000001 as
        $$ begin raise notice 'leaked % %', a, b; return true; end $$;
    create operator own.<<< (procedure = own.leak_two, leftarg = text, rightarg = text, restrict = scalarltsel);
    create operator own.===
        (procedure = own.leak_two, leftarg = text, rightarg = text, restrict = eqsel, join = eqjoinsel);
    create function own.minus(a timestamptz, b timestamptz) returns interval language plpgsql as
        $$ begin raise notice 'leaked % %', a, b; return interval '0'; end $$;
    create operator own.- (procedure = own.minus, leftarg = timestamptz, rightarg = timestamptz);
    create function own.current_setting(text, boolean) returns text language sql as $$ select '{{}}' $$;
    create function own.cardinality(timestamptz[]) returns integer language plpgsql as
        $$ begin raise notice 'leaked %', $1; return 1; end $$;
    create function own.as_definer() returns setof text language sql security definer
        as 'select v::text from analytics_tenant.enhanced_leads as v';
    create function own.beyond() returns setof text language sql security definer
        as $$ select query_to_xml('select * from analytics.enhanced_leads', false, false, '')::text $$;
    create view own.leads as select * from analytics_tenant.enhanced_leads where own.leak(id);
    create function own.quote(anyelement) returns text language sql as 'select $1::text';
    reset role;
"""


@dataclass(frozen=True)
class Tenants:
    """`user` is who asks; `others` holds every id, address and number that only other users' rows have."""

    doors: Doors
    user: str
    other: str
    others: frozenset[str]

    def seen(self, connection: Connection, *statements: str) -> str:
        """All that statements give back: rows, notices and errors, as text."""
        texts = []
        for statement in statements:
            try:
                texts.append(repr([[str(value) for value in row] for row in ask(connection, statement)]))
            except psycopg2.Error as error:
                texts.append(str(error))
        return "\n".join([*texts, *connection.notices])

    def not_theirs(self, text: str) -> list[str]:
        """What a text has of other users."""
        words = set(UUID.findall(text)) | set(re.findall(r"[\w.+-]+@[\w.-]+|\(\d{3}\) \d{3}-\d{4}", text))
        return sorted(words & self.others)


@pytest.fixture(scope="module")
def tenants(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    with open_doors(server, tmp_path_factory.mktemp("tenants")) as doors:
        assert doors.create_roles(apply=True)[0]
        give_passwords(doors, TRANSFORMER, REPORTER)
        give_default_privileges(doors, TRANSFORMER)
        # So that reading it takes try_cast, which runs with the reader's rights.
        execute(
            doors.dsn,
            "alter table businesses alter user_id type text,"
            " alter enrichment_sources type text using jsonb_build_array(user_id)::text",
        )
        # once is enough for data tests in tenant mode
        left_out = NO_UNIT_TESTS if "embedded" in str(server.data_dir) else NO_TESTS
        doors.run("build", *left_out)
        execute(doors.dsn, OWN_SCHEMA)
        owners = query(doors.dsn, "select user_id from analytics.campaign_analytics group by 1 order by count(*) desc")
        user, other = (str(owner) for (owner,) in owners[:2])
        yield Tenants(doors, user, other, _known_of_others(doors, user))


def _known_of_others(doors: Doors, user: str) -> frozenset[str]:
    columns = "id::text, campaign_id::text, user_id::text, phone, email, best_email"
    mine, theirs = set(), set()
    for statement in (
        f"select user_id = '{user}', {columns} from analytics.enhanced_leads",
        f"select user_id = '{user}', campaign_id::text, user_id::text from analytics.campaign_analytics",
        f"select user_id = '{user}', id::text, campaign_id::text from analytics.api_cost_tracking",
    ):
        for is_mine, *values in query(doors.dsn, statement):
            (mine if is_mine else theirs).update(value for value in values if value)
    assert len(theirs - mine) > 100
    return frozenset(theirs - mine)


# What a tenant is to see


def test_every_mart_of_users_has_a_view(tenants: Tenants) -> None:
    of_users = {mart for mart, columns in CONTRACT.items() if re.search("(user|campaign)_id uuid", columns)}
    assert set(VIEWS) == of_users


@pytest.mark.parametrize("view", VIEWS)
def test_view_is_a_barrier_with_the_columns_of_the_mart(tenants: Tenants, view: str) -> None:
    columns = "select attname, atttypid, atttypmod from pg_attribute where attrelid = '{}'::regclass order by attnum"
    dsn = tenants.doors.dsn
    assert query(dsn, columns.format(f"analytics_tenant.{view}")) == query(dsn, columns.format(f"analytics.{view}"))
    options = query(dsn, f"select reloptions from pg_class where oid = 'analytics_tenant.{view}'::regclass")
    assert options == [(["security_barrier=true"],)]


@pytest.mark.parametrize("view", VIEWS)
def test_each_user_sees_their_rows_of_the_mart_and_all_of_them(tenants: Tenants, view: str) -> None:
    if "user_id uuid" in CONTRACT[view]:
        of_user = "user_id = '{}'"
    else:
        of_user = "campaign_id in (select campaign_id from analytics.campaign_analytics where user_id = '{}')"
    # recorded_at of what is derived is the time of the query
    columns = ", ".join(f'"{c}"' for c in _columns(view) if (view, c) != ("campaign_metrics", "recorded_at"))

    def compare() -> None:
        for user in (tenants.user, tenants.other):
            with tenants.doors.session(TENANT, user) as connection:
                seen = ask(connection, f"select {columns} from analytics_tenant.{view}")
            promised = query(tenants.doors.dsn, f"select {columns} from analytics.{view} where {of_user.format(user)}")
            assert sorted(map(repr, seen)) == sorted(map(repr, promised))
            assert seen or view == "dashboard_exports"

    at_one_moment(compare)


def _columns(view: str) -> list[str]:
    return [column.split()[0] for column in re.sub(r"\(.*?\)", "", CONTRACT[view]).split(",")]


def test_example_of_the_docs(tenants: Tenants) -> None:
    (example,) = re.findall(r"^```postgresql\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    statements = re.sub(UUID, tenants.user, example)
    assert statements != example
    assert query(tenants.doors.dsn, statements)


# Claims that name nobody


@pytest.mark.parametrize("view", VIEWS)
def test_without_claims_there_is_nothing(tenants: Tenants, view: str) -> None:
    with tenants.doors.session(TENANT) as connection:
        assert ask(connection, f"select * from analytics_tenant.{view}") == []


@pytest.mark.parametrize(
    "claims",
    [
        "",
        " ",
        "null",
        "{}",
        "[]",
        "1",
        '"{user}"',
        "{user}",
        '{"sub": null}',
        '{"sub": ""}',
        '{"sub": 1}',
        '{"sub": true}',
        '{"sub": ["{user}"]}',
        '{"sub": {"sub": "{user}"}}',
        '[{"sub": "{user}"}]',
        '{"SUB": "{user}"}',
        '{"user_id": "{user}", "role": "service_role"}',
        '{"sub": "{user}"',
        '{"sub": "{user}", }',
        "{'sub': '{user}'}",
        '{"sub": "{user}\' or true --"}',
        '{"sub": "%"}',
        '{"sub": "admin"}',
        '{"sub": "{user}\\u0000"}',
        '{"sub": "\\ud800"}',
        "[" * 100_000,
    ],
    ids=lambda claims: claims[:30],
)
def test_claims_that_name_nobody_give_nothing(tenants: Tenants, claims: str) -> None:
    with tenants.doors.session(TENANT) as connection:
        claim(connection, claims.replace("{user}", tenants.other))
        assert tenants.seen(connection, "select * from analytics_tenant.campaign_analytics") == "[]"


@pytest.mark.parametrize("setting", ["request.jwt.claim.sub", "request.jwt", "jwt.claims", "request.jwt.claims.sub"])
def test_another_setting_says_nothing(tenants: Tenants, setting: str) -> None:
    with tenants.doors.session(TENANT) as connection:
        claim(connection, tenants.other, setting)
        assert ask(connection, "select 1 from analytics_tenant.campaign_analytics") == []


# Ways round


def test_relations_beyond_are_closed(tenants: Tenants) -> None:
    """Each by name: marts, staging, intermediate, rollups, audit, the key, and the source as Supabase leaves it."""
    relations = query(
        tenants.doors.dsn,
        "select n.nspname, relname from pg_class inner join pg_namespace as n on relnamespace = n.oid"
        " where relkind in ('r', 'v') and n.nspname ~ '^(analytics|public)'",
    )
    with tenants.doors.session(TENANT, tenants.user) as connection:
        for schema, relation in relations:
            if schema != "analytics_tenant":
                with pytest.raises(InsufficientPrivilege):
                    ask(connection, f'select 1 from {schema}."{relation}"')


REFUSED = [
    *(f"set role {role}" for role in (TRANSFORMER, REPORTER, "service_role", "postgres", "pg_read_all_data")),
    f"set session authorization {TRANSFORMER}",
    f"grant {TRANSFORMER} to {TENANT}",
    "copy analytics_tenant.campaign_analytics from stdin",
    "copy analytics.campaign_analytics to stdout",
    "copy (select 1) to program 'true'",
    "alter view analytics_tenant.{} set (security_barrier = false)",
    "alter view analytics_tenant.{} set (security_invoker = true)",
    "alter view analytics_tenant.{} owner to current_user",
    "create or replace view analytics_tenant.{} as select 1",
    "create rule r as on select to analytics_tenant.{} do instead select 1",
    "drop view analytics_tenant.{}",
    "comment on view analytics_tenant.{} is 'x'",
    "create view analytics_tenant.more as select 1",
    "create table analytics_tenant.more (a int)",
    "create function analytics_tenant.more() returns int language sql as 'select 1'",
    "alter schema analytics_tenant rename to more",
    "create trigger t instead of insert on analytics_tenant.{} execute function suppress_redundant_updates_trigger()",
    "select analytics_staging.current_tenant()",
    "select analytics_staging.try_cast('1', 'int')",
    "select analytics_staging.rollup_watermark('x')",
    "create or replace function analytics_staging.current_tenant() returns uuid language sql as 'select null'",
    "alter function analytics_staging.current_tenant() set search_path = own",
    "select 'analytics.enhanced_leads'::regclass",
    "select 'analytics_staging.current_tenant()'::regprocedure",
    "select * from own.beyond()",
    "select * from pg_statistic",
    "select * from pg_authid",
    "set session_replication_role = replica",
    "select pg_read_file('/etc/hostname')",
    "explain select * from analytics.enhanced_leads",
    "begin; lock table analytics_tenant.{} in access exclusive mode",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_statement_is_refused(tenants: Tenants, statement: str) -> None:
    with tenants.doors.session(TENANT, tenants.user) as connection, pytest.raises(InsufficientPrivilege) as error:
        ask(connection, statement.format("enhanced_leads"))
    assert tenants.not_theirs(str(error.value)) == []


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    "statement", ["insert into {} default values", "update {} set {column} = null", "delete from {}", "truncate {}"]
)
def test_nothing_is_written_through_a_view(tenants: Tenants, view: str, statement: str) -> None:
    """Nobody could write through one that joins or sums, whatever their rights; those are tested further down."""
    statement = statement.format(f"analytics_tenant.{view}", column=_columns(view)[0])
    refusals = (InsufficientPrivilege, ObjectNotInPrerequisiteState, WrongObjectType)
    with tenants.doors.session(TENANT, tenants.user) as connection, pytest.raises(refusals):
        ask(connection, statement)


LEADS, CAMPAIGNS = "analytics_tenant.enhanced_leads", "analytics_tenant.campaign_analytics"
STATEMENTS = {
    "leaky function": [f"select count(*) from {LEADS} where own.leak(phone)"],
    "leaky function first": [f"select count(*) from {LEADS} where own.leak(id) and user_id <> '{{user}}'"],
    "leaky function in case": [f"select count(*) from {LEADS} where case when own.leak(id) then true end"],
    "leaky function in a join": [f"select count(*) from {CAMPAIGNS} as c join {LEADS} as l on own.leak(l.id)"],
    "leaky lateral join": [
        f"select count(*) from {CAMPAIGNS} as c cross join lateral (select 1 where own.leak(c.campaign_id)) as x"
    ],
    "leaky subquery": [f"select 1 from {CAMPAIGNS} as c where exists (select 1 where own.leak(c.campaign_id))"],
    "leaky aggregate": [f"select count(*) filter (where own.leak(phone)), max(own.quote(id)) from {LEADS}"],
    "leaky order": [f"select 1 from {LEADS} order by own.leak(phone) limit 1"],
    "leaky operator": [f"select count(*) from {LEADS} where phone operator(own.<<<) 'x'"],
    # with restrict = eqsel the planner itself calls it, with the column's most common values
    "leaky operator while planning": [
        f"explain select * from {view} where {column} operator(own.{operator}) 'x'"
        for view, column in (
            (LEADS, "phone"),
            (LEADS, "business_name"),
            (CAMPAIGNS, "campaign_name"),
            ("analytics_tenant.api_cost_tracking", "endpoint"),
            ("analytics_tenant.data_quality_issues", "record_id"),
        )
        for operator in ("<<<", "===")
    ],
    "leaky operator joins": [
        f"select count(*) from {LEADS} as a join {LEADS} as b on a.phone operator(own.===) b.phone"
    ],
    "a view of one's own": ["select count(*) from own.leads", "select * from own.leads where own.leak(phone)"],
    "a view of one's own, no barrier": [
        f"create or replace view own.more with (security_barrier = false) as select * from {LEADS}",
        "select * from own.more where own.leak(phone)",
        "drop view own.more",
    ],
    "security definer": ["select * from own.as_definer()"],
    "division by zero": [f"select 1 / (case when user_id = '{{user}}' then 1 else 0 end) from {LEADS}"],
    "a cast that quotes": [f"select cast(phone as integer) from {LEADS} where user_id <> '{{user}}'"],
    "a cast that quotes, first": [f"select 1 from {LEADS} where cast(business_name as integer) = 1 and id is null"],
    "conditions on others": [f"select * from {LEADS} where user_id = '{{other}}' or user_id <> '{{user}}' or true"],
    "union with others": [f"select * from {LEADS} union select * from {LEADS} where user_id = '{{other}}'"],
    "whole rows": [f"select l::text, to_jsonb(l), row(l.*) from {LEADS} as l"],
    "to xml": [f"select query_to_xml('select * from {LEADS}', false, false, '')"],
    "functions shadowed": [
        "set search_path = own, pg_catalog",
        *(f"select * from analytics_tenant.{view}" for view in VIEWS),
    ],
    "types shadowed": [
        "create domain pg_temp.uuid as text check (own.leak(value))",
        "create domain pg_temp.numeric as text check (own.leak(value))",
        "create domain pg_temp.jsonb as text check (own.leak(value))",
        f"select * from {LEADS}",
        "create domain own.uuid as text check (own.leak(value))",
        "create domain own.jsonb as text check (own.leak(value))",
        "set search_path = own, pg_catalog",
        f"select * from {LEADS}",
        "drop domain own.uuid",
        "drop domain own.jsonb",
    ],
    "tables shadowed": [
        "create temp table campaigns (id text)",
        "create temp table enhanced_leads as select 1 as a",
        "create temp table stg_campaigns as select '{other}'::uuid as campaign_id, '{user}'::uuid as user_id",
        "create temp table rollup_state as select '-infinity'::timestamptz as watermark",
        "set search_path = pg_temp, own",
        *(f"select * from analytics_tenant.{v}" for v in VIEWS),
    ],
    "copies": [f"create temp table copied as select * from {LEADS}", "select * from copied"],
    "settings of the planner": [
        "set plan_cache_mode = force_generic_plan",
        "set enable_hashjoin = off; set enable_sort = off; set enable_hashagg = off; set from_collapse_limit = 1",
        "set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0",
        f"select count(*) from {LEADS} where own.leak(id)",
        f"select * from {CAMPAIGNS} where own.leak(campaign_id)",
    ],
    "row security off": ["set row_security = off", f"select * from {LEADS}"],
    "plans": [f"explain (verbose, analyze) select * from analytics_tenant.{view}" for view in VIEWS],
    "statistics": [
        "select * from pg_stats where schemaname not in ('pg_catalog', 'information_schema')",
        "select * from pg_stats_ext",
        "select * from pg_stat_activity",
        "select * from pg_prepared_statements",
    ],
    "catalogues": [
        "select * from information_schema.columns",
        "select * from information_schema.views",
        "select pg_get_viewdef('analytics_tenant.enhanced_leads'::regclass)",
        "select * from pg_class",
        "select prosrc from pg_proc",
    ],
    "set role none": ["set role none", "reset role", "reset session authorization", f"select * from {LEADS}"],
    "discard": ["discard plans", f"select * from {LEADS}"],
}


@pytest.mark.parametrize("way", STATEMENTS)
def test_way_round_shows_nothing_of_others(tenants: Tenants, way: str) -> None:
    with tenants.doors.session(TENANT, tenants.user) as connection:
        named = [text.replace("{user}", tenants.user).replace("{other}", tenants.other) for text in STATEMENTS[way]]
        seen = tenants.seen(connection, *named)
    assert tenants.not_theirs(seen.replace(f"'{tenants.other}'", "")) == []
    assert "could not" not in seen


def test_the_ways_are_ways(tenants: Tenants) -> None:
    """Without the barrier, and with the search path open, they do show other users' rows: the test before can fail."""
    doors = tenants.doors
    metrics = "analytics_tenant.campaign_metrics"
    ask_all = f"select count(*) from {metrics} where own.leak(metric_id)"
    with doors.session(TENANT, tenants.user) as connection:
        assert tenants.not_theirs(tenants.seen(connection, ask_all)) == []
        execute(doors.dsn, f"alter view {metrics} set (security_barrier = false)")
        assert tenants.not_theirs(tenants.seen(connection, ask_all))
    execute(doors.dsn, f"alter view {metrics} set (security_barrier = true)")
    definition = query(doors.dsn, "select proconfig from pg_proc where proname = 'try_cast'")
    execute(doors.dsn, "alter function analytics_staging.try_cast(text, text) reset search_path")
    with doors.session(TENANT, tenants.user) as connection:
        seen = tenants.seen(connection, *STATEMENTS["types shadowed"])
    execute(doors.dsn, "alter function analytics_staging.try_cast(text, text) set search_path = pg_catalog, pg_temp")
    assert sorted(query(doors.dsn, "select proconfig from pg_proc where proname = 'try_cast'")[0][0]) == sorted(
        definition[0][0]
    )
    assert tenants.other in seen


def test_copy_out_has_only_ones_own(tenants: Tenants, tmp_path) -> None:
    path = tmp_path / "copy"
    with tenants.doors.session(TENANT, tenants.user) as connection, path.open("w") as file:
        connection.cursor().copy_expert(f"copy (select * from {LEADS}) to stdout", file)
    assert path.stat().st_size > 1_000
    assert tenants.not_theirs(path.read_text()) == []


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan", "auto"])
def test_prepared_statement_follows_the_claims(tenants: Tenants, mode: str) -> None:
    with tenants.doors.session(TENANT, tenants.other) as connection:
        ask(connection, f"set plan_cache_mode = {mode}")
        ask(connection, f"prepare users as select distinct user_id::text from {LEADS}")
        for _ in range(7):
            assert ask(connection, "execute users") == [(tenants.other,)]
        claim(connection, json.dumps({"sub": tenants.user}))
        assert ask(connection, "execute users") == [(tenants.user,)]
        claim(connection, "")
        assert ask(connection, "execute users") == []


def test_cursor_shows_the_user_who_opened_it(tenants: Tenants) -> None:
    with tenants.doors.session(TENANT, tenants.user) as connection:
        ask(connection, "begin")
        ask(connection, f"declare leads cursor for select user_id::text from {LEADS}")
        assert ask(connection, "fetch 1 from leads") == [(tenants.user,)]
        claim(connection, json.dumps({"sub": tenants.other}))
        assert set(ask(connection, "fetch all from leads")) == {(tenants.user,)}
        ask(connection, "commit")


def test_estimates_do_not_tell_whether_another_has_a_value(tenants: Tenants) -> None:
    """The planner guesses, for want of statistics that it may use: for a value of another's as for one of nobody's."""
    of_other = f"select phone from analytics.enhanced_leads where user_id = '{tenants.other}' and phone is not null"
    execute(tenants.doors.dsn, "analyze")
    with tenants.doors.session(TENANT, tenants.user) as connection:
        estimates = set()
        for phone in (query(tenants.doors.dsn, of_other)[0][0], "nobody"):
            plan = ask(connection, f"explain (format json) select * from {LEADS} where phone = '{phone}'")
            estimates.add(plan[0][0][0]["Plan"]["Plan Rows"])
    assert len(estimates) == 1


@pytest.mark.parametrize("role", ["anon", "service_role", REPORTER])
def test_other_roles_see_no_tenants_view(tenants: Tenants, role: str) -> None:
    with tenants.doors.session(role, tenants.user) as connection:
        for view in VIEWS:
            with pytest.raises(InsufficientPrivilege):
                ask(connection, f"select 1 from analytics_tenant.{view}")


def test_tenant_role_holds_select_on_the_views_and_nothing_more(tenants: Tenants) -> None:
    held = query(
        tenants.doors.dsn,
        f"""
        select n.nspname, c.relname, privilege_type from pg_class as c
        inner join pg_namespace as n on c.relnamespace = n.oid, aclexplode(relacl)
        where n.nspname ~ '^analytics' and grantee::regrole::text in {SUPABASE_ROLES}
        """,
    )
    assert sorted(held) == [("analytics_tenant", view, "SELECT") for view in VIEWS]


def test_masking_is_not_for_the_user_whose_leads_they_are(tenants: Tenants) -> None:
    phones = "select phone from {} where phone is not null order by id"
    with tenants.doors.session(TENANT, tenants.user) as connection:
        before = ask(connection, phones.format(LEADS))
        select = ["--select", "enhanced_leads", "tenant_enhanced_leads"]
        tenants.doors.run("run", *select, mask_personal_data=True)
        assert ask(connection, phones.format(LEADS)) == before != []
        shown = query(tenants.doors.dsn, phones.format("analytics.enhanced_leads"))
        assert [phone for (phone,) in shown if not phone.startswith("phone_")] == []
        with pytest.raises(InsufficientPrivilege):
            ask(connection, "select 1 from analytics_staging.pseudonym_key")
        tenants.doors.run("run", *select)


# Off again; last, because it takes the views away


def test_off_again_the_views_go(tenants: Tenants) -> None:
    doors = tenants.doors
    execute(doors.dsn, f"drop schema own cascade; create view public.built_on as select * from {CAMPAIGNS}")
    doors.run("run", "--select", "stg_campaigns", tenant_mode=False)
    left = "select relname from pg_class where relnamespace = 'analytics_tenant'::regnamespace"
    assert query(doors.dsn, left) == [("campaign_analytics",)]
    with doors.session(TENANT, tenants.user) as connection, pytest.raises(InsufficientPrivilege):
        ask(connection, f"select 1 from {CAMPAIGNS}")
    execute(doors.dsn, "drop view public.built_on")
    doors.run("run", "--select", "stg_campaigns", tenant_mode=False)
    assert query(doors.dsn, left) == []
    doors.run("run", "--select", "tenant_campaign_analytics")
    with doors.session(TENANT, tenants.user) as connection:
        assert tenants.seen(connection, f"select user_id from {CAMPAIGNS}").count(tenants.user)


def test_a_role_that_is_no_tenant_any_more_has_nothing(tenants: Tenants) -> None:
    """Roles that are not among the closed ones; and the first run after an update to a project that remembers them."""
    doors = tenants.doors
    one_view = ("run", "--select", "tenant_campaign_analytics")
    execute(doors.dsn, "create role first_tenant; create role second_tenant; create role kept_by_hand")
    try:
        doors.run(*one_view, tenant_role="first_tenant")
        assert doors.rights_of(TENANT) == []
        held = doors.rights_of("first_tenant")
        assert {text.split()[0] for text in held} == {"function", "schema", "view"}
        execute(doors.dsn, f"grant select (user_id) on {CAMPAIGNS} to first_tenant")
        execute(doors.dsn, f"grant select on {CAMPAIGNS} to kept_by_hand")
        doors.run(*one_view, tenant_role="second_tenant")
        assert doors.rights_of("first_tenant") == []
        assert doors.rights_of("second_tenant") == held
        assert doors.rights_of("kept_by_hand") == [f"view {CAMPAIGNS}"]
        # by hand, and so to stay
        execute(doors.dsn, f"grant select on {CAMPAIGNS} to first_tenant")
        doors.run(*one_view, tenant_role="second_tenant")
        assert doors.rights_of("first_tenant") == [f"view {CAMPAIGNS}"]
        # something is built on a view, which therefore stays; and the variable is back at its default
        execute(doors.dsn, f"create view public.built_on as select * from {CAMPAIGNS}")
        doors.run("run", "--select", "stg_campaigns", tenant_mode=False)
        assert doors.rights_of("second_tenant") == doors.rights_of(TENANT) == []
        assert query(doors.dsn, f"select count(*) from {CAMPAIGNS}") == [(0,)]
    finally:
        execute(doors.dsn, "drop view if exists public.built_on")
        for role in ("first_tenant", "second_tenant", "kept_by_hand"):
            execute(doors.dsn, f"drop owned by {role}; drop role {role}")
