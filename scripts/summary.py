"""Print what a run built, and the marts' most important numbers."""

from __future__ import annotations

from dbt_progress import Built
from psycopg2.extensions import connection as Connection

HEADLINES = """
select
    (select count(*) from analytics.campaign_analytics) as campaigns,
    leads.total,
    leads.qualified,
    leads.cost,
    (select sum(total_cost) from analytics.api_cost_tracking) as api_cost,
    round(leads.cost / nullif(leads.qualified, 0), 4) as cost_per_qualified_lead,
    (select sum(double_count_avoided) from analytics.api_usage_reconciliation) as double_count_avoided
from (
    select count(*) as total, count(*) filter (where is_qualified) as qualified, sum(total_cost) as cost
    from analytics.enhanced_leads
) as leads
"""

DEFECTS = """
select issue_type, count(*)
from analytics.data_quality_issues
group by issue_type
order by count(*) desc, issue_type
"""


def print_summary(built: Built, connection: Connection) -> None:
    """Print node counts, the headline numbers and the defects by type, read from the marts."""
    layers, tests = built.layers, built.tests
    print(
        f"\nBuilt {layers['marts']} marts in schema analytics, on {layers['intermediate']} intermediate and"
        f" {layers['staging']} staging models and {layers['seeds']} reference tables, in {built.seconds:.0f} s."
    )
    print(f"Tests: {tests['passed']} passed, {tests['warnings']} with warnings, 0 failed.")
    if tests["warnings"]:
        print("  Warnings are defects of the source; the rows are in schema analytics_audit, one table for each test.")
    with connection.cursor() as cursor:
        cursor.execute(HEADLINES)
        campaigns, leads, qualified, lead_cost, api_cost, cost_per_qualified, avoided = cursor.fetchone()
        cursor.execute(DEFECTS)
        defects = cursor.fetchall()
    print()
    _print_row("Campaigns", f"{campaigns:,}")
    _print_row("Leads", f"{leads:,}")
    _print_row("Qualified leads", f"{qualified:,}")
    _print_row("Spend on leads", _dollars(lead_cost))
    _print_row("Spend on API calls", _dollars(api_cost))
    _print_row("Cost per qualified lead", _dollars(cost_per_qualified))
    _print_row("Double counting avoided", _dollars(avoided))
    _print_row("Defects found in the source", f"{sum(count for _, count in defects):,}")
    for issue_type, count in defects:
        _print_row(f"  {issue_type}", f"{count:,}")


def _print_row(label: str, value: str) -> None:
    print(f"  {label:<30}{value:>16}")


def _dollars(amount) -> str:
    return "none" if amount is None else f"{amount:,.2f} USD"
