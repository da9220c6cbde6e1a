"""What the dbt project knows: the declared source, and what its macros find in a database."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from embedded_postgres import REPOSITORY
from errors import UserFacingError
from garbage import collect_seldom

from .finding import SourceTable

PLACES = ["--profiles-dir", str(REPOSITORY), "--project-dir", str(REPOSITORY)]
PLACES += ["--target-path", str(REPOSITORY / "target" / "doctor")]
QUIET = ["--log-level", "none", "--log-level-file", "none", "--no-write-json"]


@dataclass(frozen=True)
class Project:
    """The project, parsed with these variables of dbt's (YAML): the declared tables, and the macros to ask."""

    tables: dict[str, SourceTable]
    manifest: Manifest
    variables: str

    def read_state(self, timeout_seconds: float) -> dict[str, Any]:
        """What the macro print_source_state finds in the database that the environment names."""
        arguments = json.dumps({"statement_timeout_seconds": timeout_seconds})
        command = ["run-operation", "print_source_state", "--args", arguments, "--vars", self.variables]
        return json.loads(_invoke(command, self.manifest).printed[-1])


def read_project(variables: str) -> Project:
    collect_seldom()
    manifest = _invoke(["parse", "--vars", variables]).result
    return Project(declared_tables(manifest), manifest, variables)


def declared_tables(manifest: Manifest) -> dict[str, SourceTable]:
    parents: dict[tuple[str, str], tuple[str, ...]] = {}
    for node in manifest.nodes.values():
        test = getattr(node, "test_metadata", None)
        if test and test.name == "resolves" and node.original_file_path.endswith("app.yml"):
            (table,) = re.findall(r"source\('app', '(\w+)'\)", test.kwargs["model"])
            parents[table, test.kwargs["column_name"]] = tuple(re.findall(r"'app', '(\w+)'", str(test.kwargs["to"])))
    tables = {}
    for source in (source for source in manifest.sources.values() if source.source_name == "app"):
        columns = source.columns
        metas = {name: column.config.meta for name, column in columns.items()}
        tables[source.name] = SourceTable(
            name=source.name,
            kinds={name: column.data_type for name, column in columns.items()},
            feeds=tuple(source.config.meta.get("feeds", ())),
            column_feeds={name: tuple(meta.get("feeds", ())) for name, meta in metas.items()},
            without={name: meta["without"] for name, meta in metas.items() if "without" in meta},
            parents={column: found for (table, column), found in parents.items() if table == source.name},
            secrets=tuple(source.config.meta.get("secrets", ())),
            time_column=source.loaded_at_field,
        )
    return tables


@dataclass(frozen=True)
class _Done:
    """What a command has made, and the lines that macros have printed."""

    result: Any
    printed: list[str]


def _invoke(command: list[str], manifest: Manifest | None = None) -> _Done:
    errors, printed = [], []

    def listen(event: Any) -> None:
        if event.info.level == "error":
            errors.append(event.info.msg)
        elif event.info.name == "PrintEvent":
            printed.append(event.data.msg)

    outcome = dbtRunner(manifest, callbacks=[listen]).invoke([*command, *PLACES, *QUIET])
    if isinstance(outcome.exception, KeyboardInterrupt):
        raise outcome.exception
    if not outcome.success:
        text = getattr(outcome.exception, "msg", None) or str(outcome.exception or " ".join(errors))
        raise UserFacingError(f"dbt could not look at the project: {' '.join(text.split())}")
    return _Done(outcome.result, printed)
