"""What can be exported: the marts, and the application's four reports, each a query over marts in presets/."""

from __future__ import annotations

from pathlib import Path

from embedded_postgres import REPOSITORY

MARTS = sorted(path.stem for path in (REPOSITORY / "models" / "marts").glob("*.sql"))
PRESETS = Path(__file__).parent / "presets"
# The order of a report's rows. Marts have none: sorting holds up the first row.
ORDER = {
    "campaign-performance": "campaign_name, campaign_id",
    "cost-analysis": "date, campaign_name nulls last, campaign_id, api_service, endpoint",
    "roi": "roi_percentage desc nulls last, campaign_name, campaign_id",
    "lead-export": "campaign_name, confidence_score desc nulls last, lead_id",
}


def names() -> list[str]:
    return [*MARTS, *ORDER]


def query_of(name: str) -> tuple[str, str | None]:
    """The query of one of `names`, and the order of its rows, or None."""
    if name in ORDER:
        return (PRESETS / f"{name}.sql").read_text(encoding="utf-8"), ORDER[name]
    return f'select * from analytics."{name}"', None
