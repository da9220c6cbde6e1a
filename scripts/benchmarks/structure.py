"""How much of the project there is to read."""

from __future__ import annotations

import subprocess
from functools import cache

from embedded_postgres import REPOSITORY

QUESTIONED = ("api_cost_tracking", "campaign_analytics", "data_quality_issues")


def structure(manifest: dict) -> dict[str, str]:
    """The figures, from dbt's manifest and the repository, as the report shows them."""
    figures = {f"behind `{mart}`, of models and macros": str(len(files_behind(manifest, mart))) for mart in QUESTIONED}
    figures["files of macros"] = str(len(list((REPOSITORY / "macros").rglob("*.sql"))))
    figures["files in the repository"] = _tracked_files()
    figures["models on the longest path"] = str(longest_path(manifest))
    return figures


def files_behind(manifest: dict, mart: str) -> set[str]:
    """The files of the models that a mart reads, directly or not, itself included, and of the macros that make them."""
    package = manifest["metadata"]["project_name"]
    nodes = {**manifest["nodes"], **manifest["macros"]}
    seen, waiting = set(), [f"model.{package}.{mart}"]
    while waiting:
        name = waiting.pop()
        node = nodes.get(name)
        if name in seen or not node or node["resource_type"] not in ("model", "macro"):
            continue
        seen.add(name)
        waiting += [*node["depends_on"].get("nodes", []), *node["depends_on"]["macros"]]
    return {nodes[name]["original_file_path"] for name in seen if nodes[name]["package_name"] == package}


def longest_path(manifest: dict) -> int:
    """How many models lie on the longest way from a model down to a source, both ends included."""

    @cache
    def length(name: str) -> int:
        node = manifest["nodes"].get(name)
        if not node or node["resource_type"] != "model":
            return 0
        return 1 + max(map(length, node["depends_on"]["nodes"]), default=0)

    return max(map(length, manifest["nodes"]))


def _tracked_files() -> str:
    done = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True)
    return str(len(done.stdout.splitlines())) if done.returncode == 0 else "not known: this is no git repository"
