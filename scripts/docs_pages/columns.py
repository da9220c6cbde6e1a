"""Which column comes from which: the page of dbt-colibri, with its telemetry off."""

from __future__ import annotations

import importlib.util
import logging
import tempfile
from pathlib import Path

from files import write_whole


def write_column_lineage(target: Path, page: Path) -> bool:
    """Write the page from dbt's artifacts in `target`; returns whether dbt-colibri is installed."""
    if importlib.util.find_spec("dbt_colibri") is None:
        page.unlink(missing_ok=True)
        return False
    from dbt_colibri.lineage_extractor.extractor import DbtColumnLineageExtractor
    from dbt_colibri.report.generator import DbtColibriReportGenerator
    from sqlglot.optimizer.scope import Scope

    if not hasattr(Scope, "union_scopes"):
        # Its name in the sqlglot that dbt-colibri 0.3.7 was written for: without it no union is traced.
        Scope.union_scopes = property(lambda scope: scope.set_operation_scopes)
    # It logs each column that it cannot trace as an error.
    logging.getLogger("colibri").setLevel(logging.CRITICAL)
    extractor = DbtColumnLineageExtractor(str(target / "manifest.json"), str(target / "catalog.json"))
    with tempfile.TemporaryDirectory() as folder:
        DbtColibriReportGenerator(extractor, disable_telemetry=True).generate_report(output_dir=folder)
        write_whole(page, (Path(folder) / "index.html").read_text(encoding="utf-8"))
    return True
