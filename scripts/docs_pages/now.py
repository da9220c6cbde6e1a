"""The answer that the first page opens with: what a qualified lead cost, what was spent, what is down, what to do."""

from __future__ import annotations

import psycopg2
import yaml
from embedded_postgres import REPOSITORY
from psycopg2.extensions import connection as Connection

from docs_pages.layout import table, text

QUERY = """
with clock as (
    select (now() at time zone %(time_zone)s)::date as today
),

days as (
    select
        date_trunc('month', date) = date_trunc('month', today) as is_this_month,
        sum(lead_cost) as cost,
        sum(leads_qualified) as qualified
    from clock inner join analytics.campaign_performance_daily
        on date between date_trunc('month', today) - interval '1 month' and today
    group by 1
),

-- Of all days: calls of no known user have no row of today.
spent as (
    select sum(spend) as spent
    from clock inner join analytics.budget_status on date between date_trunc('month', today) and today
),

budgets as (
    select
        sum(month_to_date_spend) filter (where monthly_budget_limit is not null) as spent_of_limits,
        sum(monthly_budget_limit) as limits,
        count(*) filter (where alert_level = 'exceeded') as exceeded,
        count(*) filter (where alert_level in ('warning', 'critical')) as close
    from clock inner join analytics.budget_status on date = today
),

services as (
    select
        string_agg(service_name, ', ' order by service_name) filter (where status = 'down') as down,
        string_agg(service_name, ', ' order by service_name) filter (where status = 'degraded') as degraded
    from analytics.service_health_metrics
    where is_latest and "timestamp" > now() - interval '1 day'
),

issues as (
    select count(*) as errors from analytics.data_quality_issues where severity = 'error'
),

losing as (
    select count(*) as campaigns, sum(total_cost) as cost
    from analytics.campaign_analytics
    where status = 'active' and roi_percentage < 0
)

select
    (select cost / nullif(qualified, 0) from days where is_this_month),
    (select qualified from days where is_this_month),
    (select cost / nullif(qualified, 0) from days where not is_this_month),
    (select qualified from days where not is_this_month),
    spent.*, budgets.*, services.*, issues.*, losing.*
from spent, budgets, services, issues, losing
"""


def now_body(connection: Connection, has_boards: bool) -> str:
    """The answer as a table; empty where it cannot be read. Each line leads to its board, where there are boards."""
    variables = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(QUERY, {"time_zone": variables["reporting_timezone"]})
            row = cursor.fetchone()
    except psycopg2.Error:
        return ""
    price, qualified, price_before, qualified_before, spent, spent_of_limits, limits = row[:7]
    exceeded, close, down, degraded, errors, losing, losing_cost = row[7:]
    if qualified is None and qualified_before is None and spent is None:
        return "<p>No campaigns yet.</p>"

    def line(board: str, label: str, answer: str, style: str = "") -> tuple[str, str]:
        link = f'<a href="dashboards/{board}.html">{text(label)}</a>' if has_boards else text(label)
        return link, f'<span class="{style}">{text(answer)}</span>' if style else text(answer)

    this_month = f"{_unit_price(price)} ({_count(qualified)} qualified leads)"
    last_month = f"{_unit_price(price_before)} ({_count(qualified_before)}) last month"
    of_limits = f"; of budgets of {_money(limits)}, {_money(spent_of_limits)}" if limits is not None else ""
    to_do = [
        (exceeded, f"{exceeded} budget(s) exceeded"),
        (close, f"{close} close to it"),
        (losing, f"{losing} active campaign(s) cost more than they bring ({_money(losing_cost)})"),
        (errors, f"{_count(errors)} record(s) with errors"),
    ]
    needed = "; ".join(said for count, said in to_do if count) or "nothing"
    ill = "; ".join(f"{said}: {names}" for said, names in (("down", down), ("degraded", degraded)) if names)
    rows = [
        line("campaigns", "A qualified lead cost this month", f"{this_month}; {last_month}"),
        line("spend", "Spent on API calls this month", f"{_money(spent)}{of_limits}"),
        line("service_health", "Services", ill or "none is down", "bad" if down else "warn" if degraded else "good"),
        line("spend", "Needs action", needed, "bad" if exceeded or losing else "warn" if close or errors else "good"),
    ]
    return table(("now", "answer"), rows)


def _money(amount: object) -> str:
    return "—" if amount is None else f"${amount:,.2f}"


def _unit_price(amount: object) -> str:
    return "—" if amount is None else f"${amount:,.3f}"


def _count(number: object) -> str:
    return f"{int(number or 0):,}"
