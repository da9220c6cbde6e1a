"""The three shapes of the source: which tables each has, and their DDL."""

from dataclasses import dataclass
from pathlib import Path

DDL = Path(__file__).resolve().parent / "ddl"

_SECTION_A = {
    "campaigns": "campaigns_current",
    "businesses": "businesses",
    "api_usage": "api_usage",
    "api_usage_log": "api_usage_log",
    "user_settings": "user_settings",
    "export_history": "export_history",
    "campaign_analytics": "campaign_analytics_simple",
    "lead_emails": "lead_emails",
    "lead_social_profiles": "lead_social_profiles",
}
_SECTION_C = {
    "enhanced_leads": "enhanced_leads",
    "api_cost_tracking": "api_cost_tracking",
    "lead_qualification_metrics": "lead_qualification_metrics",
    "service_health_metrics": "service_health_metrics",
    "dashboard_exports": "dashboard_exports",
    "campaign_analytics": "campaign_analytics_enhanced",
}
_ENHANCED_EXTRAS = ("api_usage_log", "user_settings", "lead_emails", "lead_social_profiles")

TABLES_OF_SHAPE = {
    "current": _SECTION_A,
    "enhanced": {
        "campaigns": "campaigns_enhanced",
        **{table: _SECTION_A[table] for table in _ENHANCED_EXTRAS},
        **_SECTION_C,
    },
    "hybrid": {**_SECTION_A, **_SECTION_C},
}
ALL_TABLES = sorted({table for tables in TABLES_OF_SHAPE.values() for table in tables})


@dataclass(frozen=True)
class Shape:
    """One shape: `tables` maps each table to the name of its DDL file."""

    name: str
    tables: dict[str, str]

    @property
    def has_usage(self) -> bool:
        """Whether `api_usage` exists, so that a call is logged twice."""
        return "api_usage" in self.tables

    @property
    def has_tracking(self) -> bool:
        """Whether hourly rows are recorded in `api_cost_tracking`."""
        return "api_cost_tracking" in self.tables

    @property
    def has_businesses(self) -> bool:
        """Whether leads live in `businesses`."""
        return "businesses" in self.tables

    @property
    def has_enhanced_leads(self) -> bool:
        """Whether leads live in `enhanced_leads`."""
        return "enhanced_leads" in self.tables

    @property
    def has_enhanced_campaigns(self) -> bool:
        """Whether `campaigns` has the enhanced structure."""
        return self.tables["campaigns"] == "campaigns_enhanced"

    @property
    def has_enhanced_analytics(self) -> bool:
        """Whether `campaign_analytics` has the enhanced structure."""
        return self.tables["campaign_analytics"] == "campaign_analytics_enhanced"

    def table_ddl(self) -> list[str]:
        """Statements that create the tables, without what is cheaper to add after the load."""
        return [(DDL / "tables" / f"{file}.sql").read_text(encoding="utf-8") for file in self.tables.values()]

    def constraint_ddl(self) -> list[str]:
        """Statements that add keys, checks and indexes to the loaded tables; what others refer to comes first."""
        files = sorted(self.tables.values(), key=lambda file: not file.startswith(_REFERRED_TO))
        if self.has_enhanced_leads:
            files.append("leads_resolved_wrongly")
        return [(DDL / "constraints" / f"{file}.sql").read_text(encoding="utf-8") for file in files]


_REFERRED_TO = ("campaigns_", "businesses", "enhanced_leads")


def shape_named(name: str) -> Shape:
    """The shape of this name; ValueError names the known ones."""
    if name not in TABLES_OF_SHAPE:
        raise ValueError(f"unknown shape '{name}': use one of {', '.join(TABLES_OF_SHAPE)}")
    return Shape(name, TABLES_OF_SHAPE[name])
