"""What data tests read: nothing where the database keeps the rule by itself, and the rows where it does not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import (
    ONE_SERVER,
    REPOSITORY,
    describe_failures,
    environment_of,
    execute,
    new_database,
    parsed_before,
    query,
    run_dbt,
)
from embedded_postgres import Server

CAMPAIGN = "00000000-0000-0000-0000-00000000000a"
SOURCE = f"""
create table campaigns (id uuid primary key, name text, status text, created_at timestamptz);
create table businesses (
    id uuid primary key, campaign_id uuid not null references campaigns, created_at timestamptz,
    business_name text, confidence_score int
);
create table user_settings (user_id uuid primary key);
create table campaign_analytics (id bigint primary key, campaign_id uuid references campaigns);
insert into campaigns values ('{CAMPAIGN}', 'one', 'active', now());
insert into businesses values ('00000000-0000-0000-0000-00000000000b', '{CAMPAIGN}', now());
"""
KEYS = ("source_businesses_key", "stg_businesses_key", "source_user_settings_key", "source_campaign_analytics_key")
FOREIGN_KEYS = ("source_businesses_campaign_exists", "source_campaign_analytics_campaign_exists")
DROP_KEY = "alter table businesses drop constraint businesses_pkey"
DROP_FOREIGN_KEY = "alter table businesses drop constraint businesses_campaign_id_fkey"
ORPHAN = "insert into businesses values (gen_random_uuid(), gen_random_uuid())"


@pytest.fixture(scope="module")
def target_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("target_data_tests")


@pytest.fixture
def database(server: Server, target_path: Path) -> Iterator[tuple[str, Path]]:
    """A source whose constraints keep its rules, and dbt's target folder."""
    with new_database(server) as dsn:
        execute(dsn, SOURCE)
        yield dsn, target_path


@ONE_SERVER  # the catalogue is the same on the other
def test_what_the_database_keeps_is_not_read(database: tuple[str, Path]):
    outcomes, read = _test(database, *KEYS, *FOREIGN_KEYS)
    assert outcomes == {name: ("pass", 0) for name in (*KEYS, *FOREIGN_KEYS)}
    assert read == set()


@ONE_SERVER
@pytest.mark.parametrize(
    ("change", "broken"),
    [
        # a key that is not unique, of a source; staging takes one row of each
        (f"{DROP_KEY}; insert into businesses table businesses", {"source_businesses_key": 1, "stg_businesses_key": 0}),
        # unique, and not for every row
        (
            f"{DROP_KEY}; insert into businesses table businesses; create unique index on businesses (id) where false",
            {"source_businesses_key": 1, "stg_businesses_key": 0},
        ),
        # unique, and missing
        (
            f"{DROP_KEY}; alter table businesses alter id drop not null; create unique index on businesses (id);"
            f"insert into businesses values (null, '{CAMPAIGN}')",
            {"source_businesses_key": 1, "stg_businesses_key": 0},
        ),
        # a key only together with another column
        (
            f"{DROP_KEY}; create unique index on businesses (id, created_at);"
            "insert into businesses select id, campaign_id, now() + interval '1 day' from businesses",
            {"source_businesses_key": 1, "stg_businesses_key": 0},
        ),
        # different as the source has it, and the same as it is read
        (
            f"{DROP_KEY}; alter table businesses alter id type text, add primary key (id);"
            "insert into businesses select upper(id), campaign_id from businesses",
            {"source_businesses_key": 1, "stg_businesses_key": 1},
        ),
        # rows of a table that inherits are not in the index
        (
            "create table more () inherits (businesses); insert into more table businesses",
            {"source_businesses_key": 1, "stg_businesses_key": 0},
        ),
        (f"{DROP_FOREIGN_KEY}; {ORPHAN}", {"source_businesses_campaign_exists": 1}),
        # a foreign key that nobody has looked through
        (
            f"{DROP_FOREIGN_KEY}; {ORPHAN};"
            "alter table businesses add foreign key (campaign_id) references campaigns not valid",
            {"source_businesses_campaign_exists": 1},
        ),
        (f"alter table businesses disable trigger all; {ORPHAN}", {"source_businesses_campaign_exists": 1}),
        # a foreign key to another table
        (
            "create table old_campaigns (id uuid primary key); insert into old_campaigns values (gen_random_uuid());"
            f"{DROP_FOREIGN_KEY}; insert into businesses select gen_random_uuid(), id from old_campaigns;"
            "insert into old_campaigns select id from campaigns;"
            "alter table businesses add foreign key (campaign_id) references old_campaigns",
            {"source_businesses_campaign_exists": 1},
        ),
    ],
)
def test_what_the_database_does_not_keep_is_read(database: tuple[str, Path], change: str, broken: dict[str, int]):
    execute(database[0], change)
    outcomes, read = _test(database, *broken)
    assert outcomes == {name: ("warn" if failures else "pass", failures) for name, failures in broken.items()}
    assert read == set(broken)


@ONE_SERVER
def test_stored_failures_go_when_the_database_keeps_the_rule(database: tuple[str, Path]):
    name = "source_businesses_campaign_exists"
    dsn = database[0]
    execute(dsn, f"{DROP_FOREIGN_KEY}; {ORPHAN}")
    _test(database, name)
    assert query(dsn, f"select count(*) from analytics_audit.{name}") == [(1,)]
    execute(dsn, "delete from businesses where campaign_id not in (select id from campaigns)")
    execute(dsn, "alter table businesses add foreign key (campaign_id) references campaigns")
    _test(database, name)
    assert query(dsn, f"select to_regclass('analytics_audit.{name}') is null") == [(True,)]


ADDED = """
sources:
  - name: others
    schema: public
    tables:
      - name: orders
        config: {loaded_at_field: taken_at, freshness: {warn_after: {count: 1, period: hour}}}
        data_tests:
          - unique: {name: order_unique, arguments: {column_name: number}}
          - not_null: {name: order_not_null, arguments: {column_name: lower(number)}, config: {where: "status <> 'b'"}}
models:
  - name: added
    data_tests:
      - unique: {name: added_unique, arguments: {column_name: cast(id as text) || name}}
      - not_null: {name: added_not_null, arguments: {column_name: name}}
      - key: {name: added_key, arguments: {column_name: name}}
      - unique_grain: {name: added_grain, arguments: {columns: [upper(name), status]}}
"""
ADDED_TO_CAMPAIGNS = [
    {"not_null": {"name": "campaign_not_null", "arguments": {"column_name": "lower(name)"}}},
    {"unique": {"name": "campaign_unique", "arguments": {"column_name": "name || status"}}},
]
ORDERS = """
create table orders (number text, status text, taken_at timestamptz);
insert into orders values ('a', 'a', now() - interval '3 hours');
"""
BREAK_ALL = """
alter table campaigns drop constraint campaigns_pkey cascade;
insert into campaigns select id, name, status from campaigns;
insert into campaigns values (gen_random_uuid(), null, 'active');
insert into orders select number, status from orders;
insert into orders values (null, 'a');
"""


@ONE_SERVER
def test_what_is_added_may_test_expressions_and_what_no_yaml_has(server: Server, tmp_path: Path):
    """In a project with these macros, app.yml, a model and a source of its own."""
    shutil.copytree(REPOSITORY / "macros", tmp_path / "macros")
    shutil.copytree(REPOSITORY / "tests" / "dbt" / "generic", tmp_path / "tests" / "dbt" / "generic")
    settings = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text())
    project = {name: settings[name] for name in ("name", "profile", "test-paths", "flags", "vars")}
    declared = yaml.safe_load((REPOSITORY / "models" / "staging" / "sources" / "app.yml").read_text())
    for table in declared["sources"][0]["tables"]:
        table["data_tests"] = ADDED_TO_CAMPAIGNS if table["name"] == "campaigns" else []
        for column in table["columns"]:
            column["data_tests"] = []
    (tmp_path / "models").mkdir()
    for path, text in {
        "dbt_project.yml": yaml.dump(project),
        "models/app.yml": yaml.dump(declared),
        "models/added.yml": ADDED,
        "models/added.sql": "select id, name, status from {{ source('app', 'campaigns') }}",
    }.items():
        (tmp_path / path).write_text(text)

    def outcomes(dsn: str, *command: str) -> dict[str, str]:
        result = run_dbt([*command], environment_of(dsn), tmp_path)
        assert result.exception is None, result.exception
        return {node.node.name: str(node.status) for node in result.result}

    with new_database(server) as dsn:
        execute(dsn, f"{SOURCE}{ORDERS} create schema analytics")
        kept = outcomes(dsn, "build")
        assert len(kept) == 9
        assert set(kept.values()) == {"success", "pass"}
        execute(dsn, BREAK_ALL)
        assert outcomes(dsn, "test") == {name: "fail" for name in kept if name != "added"}
        assert outcomes(dsn, "source", "freshness", "--select", "source:others") == {"orders": "warn"}


@ONE_SERVER
def test_a_scheduled_build_reads_neither_calls_nor_leads_row_by_row(tmp_path: Path, server: Server):
    """Unless what it stands on is a rollup: neither the logs' own tests nor any of what is computed from each row."""
    environment = server.environment("postgres")
    manifest = parsed_before(["ls"], environment).writable_manifest().to_dict()
    listed = run_dbt(["ls", "--quiet", "--output", "name", "--target-path", str(tmp_path)], environment).result
    everything = run_dbt(
        ["ls", "--quiet", "--selector", "everything", "--output", "name", "--target-path", str(tmp_path)], environment
    ).result
    unit_tests = {node["name"] for node in manifest["unit_tests"].values()}
    assert not unit_tests & set(listed)
    assert unit_tests <= set(everything)
    assert "app.api_usage" in listed  # for `dbt source freshness`
    left_out = set(everything) - set(listed)
    tests = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    assert tests.keys() <= set(everything)
    reading = {name for name, node in tests.items() if _reads_row_by_row(node, manifest)}
    assert not reading - left_out, "the tag all_history is missing"
    assert not (left_out & tests.keys()) - reading, "the tag all_history is needless"


def _reads_row_by_row(test: dict, manifest: dict) -> bool:
    """Whether a test reads calls or leads one by one.

    A key's test may, as every table has a primary key, and so may the foreign keys of leads: they read ids only, and
    are what the application's own constraints get wrong.
    """
    logs = {"api_usage", "api_usage_log", "api_cost_tracking"}
    leads = {"businesses", "enhanced_leads", "lead_emails", "lead_social_profiles"}
    if test.get("test_metadata", {}).get("name") == "key" and test["config"]["severity"] == "warn":
        return False
    is_of_source = all(name.startswith("source.") for name in test["depends_on"]["nodes"])
    tables = {f"source.leadgen_analytics.app.{name}" for name in (logs if is_of_source else logs | leads)}
    seen, waiting = set(), list(test["depends_on"]["nodes"])
    while waiting:
        name = waiting.pop()
        node = manifest["nodes"].get(name)
        # A rollup's view, or the live part of it, reads only the rows since its last run.
        is_live = node and (name.endswith("_live") or f"{name}_rollup" in node["depends_on"].get("nodes", []))
        if name in seen or is_live or node and node["config"]["materialized"] in ("incremental", "seed"):
            continue
        seen.add(name)
        waiting += node["depends_on"].get("nodes", []) if node else []
    return bool(seen & tables)


def _test(database: tuple[str, Path], *names: str) -> tuple[dict[str, tuple[str, int]], set[str]]:
    """Build what is tested; each test's status and number of failures, and which of them read a table."""
    dsn, target_path = database
    models = [name.removesuffix("_key") for name in names if name.startswith("stg_")]
    arguments = ["build", "--indirect-selection", "empty", "--select", *models, *names]
    result = run_dbt([*arguments, "--target-path", str(target_path)], environment_of(dsn))
    assert result.success, describe_failures(result)
    results = [node for node in result.result if node.node.name in names]
    outcomes = {node.node.name: (str(node.status), node.failures) for node in results}
    return outcomes, {node.node.name for node in results if 'from "' in node.node.compiled_code}
