"""dbt in the process of the tests, without what a process of its own does anew each time.

Reading the project takes dbt longer than most of what a test runs. It is done once for all processes of a test run,
and handed on to a dbt that a test starts in a process of its own (`spare_parsing`).
"""

from __future__ import annotations

import fcntl
import json
import logging
import multiprocessing
import os
import pickle
import pprint
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import own_database
import parsedatetime
import yaml
from dbt.adapters.postgres import PostgresCredentials
from dbt.artifacts.resources import FileHash
from dbt.artifacts.schemas import base as artifacts
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from dbt.events.logging import track_behavior_change_warn
from dbt.mp_context import get_mp_context
from dbt.parser.manifest import PARTIAL_PARSE_FILE_NAME, extended_mashumaro_encoder
from dbt.version import __version__ as dbt_version
from dbt_common.behavior_flags import BehaviorFlagRendered
from dbt_common.clients.system import write_file
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.utils.encoding import JSONEncoder
from garbage import collect_seldom
from jinja2.nativetypes import NativeEnvironment

REPOSITORY = Path(__file__).resolve().parents[2]
PARSED_FOR = "parsed_for_any_database"
NOWHERE = {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGUSER": "x", "PGPASSWORD": "x", "PGDATABASE": PARSED_FOR}
READ_BY_PARSING = ("source_schema", "tenant_mode", "qualified_lead_value_usd")
"""Variables that say what the project's nodes are. All others are read when a node is run."""
DEFAULTS = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
WITHOUT_ARTIFACTS = ("build", "run", "run-operation", "test")
"""Commands whose result tells all, unless `--write-json` is given: the manifest takes a fifth of a short run."""
SHARED_FOLDER = "LEADGEN_TESTS_SHARED_FOLDER"
"""Names the environment variable with the folder that all processes of a test run share (conftest.py)."""


def run_dbt(
    arguments: list[str], environment: dict[str, str], project: Path = REPOSITORY, manifest: Manifest | None = None
) -> dbtRunnerResult:
    """Run a dbt command of a project in this process, reaching the database that `environment` names.

    `manifest` is what parsing the same project gave before, with variables that differ at most in what is read at run
    time; without one, the repository is parsed once for each set of variables. Without `--target-path` among the
    arguments compiled SQL goes to the repository's target/. No log is written unless they have a `--log-level-file`.
    """
    if manifest is None and project == REPOSITORY and arguments[0] != "parse":
        manifest = parsed_before(arguments, environment)
    places = ["--project-dir", str(project)]
    if "--profiles-dir" not in arguments:
        places += ["--profiles-dir", str(REPOSITORY / "profiles")]
    output = ["--no-use-colors"]
    if "--log-level" not in arguments:
        output += ["--log-level", "warn"]
    if "--log-level-file" not in arguments:
        output += ["--log-level-file", "none"]
    if arguments[0] in WITHOUT_ARTIFACTS and "--write-json" not in arguments:
        output.append("--no-write-json")
    with libpq_environment(environment):
        return dbtRunner(manifest).invoke([*arguments, *places, *output])


class ForkedDbt:
    """A dbt command of the repository in a process that can be killed: a copy of this one, which has dbt loaded."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (read in communicate)
        self._process = multiprocessing.get_context("fork").Process(target=self._run, args=(arguments, environment))
        assert parsed_before(arguments, environment), "read here, and not anew by each copy"
        self._process.start()

    def _run(self, arguments: list[str], environment: dict[str, str]) -> None:
        sys.stdout = sys.stderr = open(self._output.fileno(), "w", encoding="utf-8")  # noqa: SIM115 (its last)
        result = run_dbt([*arguments, "--log-level", "info"], environment)
        sys.stdout.flush()
        # as dbt's own command line ends
        os._exit(0 if result.success else 1 if result.result is not None else 2)

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def communicate(self) -> tuple[str, None]:
        """Wait for its end; what it has printed."""
        self._process.join()
        self._output.seek(0)
        return self._output.read().decode(), None


@contextmanager
def libpq_environment(environment: dict[str, str]) -> Iterator[None]:
    """Only these PG* variables, whatever the developer's shell has set."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("PG"):
            del os.environ[name]
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def parsed_before(arguments: list[str], environment: dict[str, str]) -> Manifest | None:
    """The repository's manifest for a command and a database; None if the run had better parse."""
    if "--profiles-dir" in arguments or not environment.get("PGDATABASE", "").isidentifier():
        return None
    variables = yaml.safe_load(arguments[arguments.index("--vars") + 1]) if "--vars" in arguments else {}
    return _manifest(environment["PGDATABASE"], variables)


def spare_parsing(target_path: Path, environment: dict[str, str], **variables: Any) -> None:
    """Write what dbt keeps of its last parse, for a dbt of its own that is to run on a copy of the repository.

    Started with this environment (DATABASE_URL or libpq's variables) and these variables, it reads only those files
    again that the copy has changed.
    """
    environment = own_database.libpq_environment(environment)
    manifest = _manifest(environment["PGDATABASE"], variables)
    assert manifest is not None
    # what dbt compares before it trusts the file (ManifestLoader.build_manifest_state_check)
    started_with = "\x00".join((pprint.pformat(variables), "", "", dbt_version))
    manifest.state_check.vars_hash = FileHash.from_contents(started_with)
    connection = pprint.pformat(sorted(_credentials(environment).connection_info()))
    manifest.state_check.profile_hash = FileHash.from_contents(connection)
    manifest._lock = get_mp_context().Lock()
    target_path.mkdir(parents=True, exist_ok=True)
    (target_path / PARTIAL_PARSE_FILE_NAME).write_bytes(manifest.to_msgpack(extended_mashumaro_encoder))


def _credentials(environment: dict[str, str]) -> PostgresCredentials:
    """What profiles.yml says, for this environment."""
    profile = yaml.safe_load((REPOSITORY / "profiles" / "profiles.yml").read_text(encoding="utf-8"))
    rendering = NativeEnvironment()
    rendering.globals["env_var"] = environment.get
    values = {
        name: rendering.from_string(value).render() if isinstance(value, str) else value
        for name, value in profile["leadgen_analytics"]["outputs"]["postgres"].items()
    }
    return PostgresCredentials.from_dict(PostgresCredentials.translate_aliases(values))


def _manifest(database: str, variables: dict[str, Any]) -> Manifest | None:
    read = {name: value for name, value in variables.items() if name in READ_BY_PARSING and value != DEFAULTS[name]}
    pickled = _parsed(json.dumps(read, sort_keys=True))
    if not pickled:
        return None
    manifest = Manifest(**pickle.loads(pickled))
    relations = [model.node_relation for model in manifest.semantic_models.values() if model.node_relation]
    for node in (*manifest.nodes.values(), *manifest.sources.values(), *relations):
        if node.database == PARSED_FOR:
            node.database = database
            if node.relation_name:
                node.relation_name = node.relation_name.replace(f'"{PARSED_FOR}"', f'"{database}"', 1)
    return manifest


@lru_cache(maxsize=8)
def _parsed(variables: str) -> bytes:
    """What the manifest has in it with these variables; empty if dbt cannot parse, which the run itself then says."""
    return once_for_all_processes(f"parsed-{sha256(variables.encode()).hexdigest()[:16]}", lambda: _parse(variables))


def _parse(variables: str) -> bytes:
    with tempfile.TemporaryDirectory() as target_path:
        result = run_dbt(["parse", "--vars", variables, "--target-path", target_path], NOWHERE)
    if not result.success:
        return b""
    # a manifest as a whole is not what it was after pickling: dbt leaves some of its fields out
    names = [field.name for field in fields(Manifest) if not field.name.startswith("_")]
    return pickle.dumps({name: getattr(result.result, name) for name in names})


def once_for_all_processes(name: str, make: Callable[[], bytes]) -> bytes:
    """What `make` gives in the first of this test run's processes that asks for `name`; the others wait for it."""
    file = Path(os.environ[SHARED_FOLDER]) / name
    with open(file.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            draft = file.with_suffix(".new")
            draft.write_bytes(make())
            draft.rename(file)
    return file.read_bytes()


# What follows takes nothing away that a test looks at.

collect_seldom()

# For the text of a warning dbt looks up the module of every frame of the call stack, three times in each run. In a
# process with as many modules as the tests have, that takes longer than all the rest of a short run.
BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt.adapters.postgres.impl")

_fire_event = EventManager.fire_event


def _fire_heard_event(
    manager: EventManager, e: Any, level: Any = None, node: Any = None, force_warn_or_error_handling: bool = False
) -> None:
    """Leave out what nobody hears: dbt writes the text of every event, and only then sees that no log wants it."""
    loggers = [logger._python_logger for logger in manager.loggers]
    is_heard = any(callback is not track_behavior_change_warn for callback in manager.callbacks) or any(
        logger is None or logger.isEnabledFor(logging.DEBUG) for logger in loggers
    )
    if is_heard or (level or e.level_tag()) != EventLevel.DEBUG:
        _fire_event(manager, e, level, node, force_warn_or_error_handling)


EventManager.fire_event = _fire_heard_event


def _write_json(path: str, data: Any) -> bool:
    """The same text in one piece: piece by piece, Python's encoder in C is not used, and a manifest has a million."""
    return write_file(path, json.dumps(data, cls=JSONEncoder))


artifacts.write_json = _write_json

# agate makes the same names of months and days anew for each result of a query.
parsedatetime.Constants = lru_cache(parsedatetime.Constants)
