"""Another dbt project: this one is refused as its package, and its marts are its sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from clones import SMALLEST_SOURCE, copy_repository
from conftest import NO_TESTS, ONE_SERVER, REPOSITORY, environment_of, execute, query, run_dbt

SCHEMAS = "select count(*) from pg_namespace where nspname like '%analytics%' or nspname like '%marketing%'"


def _project(folder: Path) -> Path:
    (folder / "models").mkdir(parents=True)
    project = {"name": "marketing", "version": "1.0", "profile": "leadgen_analytics", "model-paths": ["models"]}
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(project))
    return folder


@ONE_SERVER
def test_as_a_package_it_is_refused_before_anything_is_created(
    empty_database: str, tmp_path: Path, capfd: pytest.CaptureFixture
):
    execute(empty_database, SMALLEST_SOURCE)
    copy_repository(tmp_path / "leadgen")
    project = _project(tmp_path / "marketing")
    (project / "packages.yml").write_text("packages:\n  - local: ../leadgen\n")
    (project / "models" / "one.sql").write_text("select 1 as one")
    environment = environment_of(empty_database)
    assert run_dbt(["deps"], environment, project).success
    for command in ("build", "run", "test"):
        capfd.readouterr()
        result = run_dbt([command, "--select", "one"], environment, project)
        assert not result.success
        said = " ".join(str(result.exception).split())
        assert "builds as a project of its own, not as a package of marketing: run it by itself" in said
    assert query(empty_database, SCHEMAS) == [(0,)]


@ONE_SERVER
def test_its_marts_are_sources_of_another_project(empty_database: str, tmp_path: Path):
    """With the lines that docs/operating.md gives."""
    execute(empty_database, SMALLEST_SOURCE)
    environment = environment_of(empty_database)
    assert run_dbt(["build", *NO_TESTS, "--target-path", str(tmp_path / "target")], environment).success
    text = (REPOSITORY / "docs" / "operating.md").read_text()
    section = text.partition("\n## From another dbt project\n")[2].partition("\n## ")[0]
    project = _project(tmp_path / "marketing")
    (project / "models" / "sources.yml").write_text(
        "version: 2\n" + re.search(r"^```yaml\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[1]
    )
    (project / "models" / "prices.sql").write_text(
        "select campaign_name, cost_per_lead, total_leads from " + re.search(r"{{ source.*? }}", section)[0]
    )
    assert run_dbt(["build"], environment, project).success
    assert query(empty_database, "select campaign_name, total_leads from analytics.prices") == [("Plumbers", 2)]
