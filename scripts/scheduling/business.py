"""What the marts say that somebody should know of: budgets, services, the price of a qualified lead, unread money."""

from __future__ import annotations

from dataclasses import dataclass

from scheduling.run_log import LONGEST_MESSAGE

# Each gives what is not as it should be, the worst first: who or what, its state, and what there is to say of it. A
# state is a word that stays the same until somebody should hear of it again.
QUERIES = {
    "budgets": """
        select
            coalesce('user ' || left(user_id::text, 8), 'calls of no known user'),
            alert_level,
            'spent ' || round(spend, 2) || ' USD of ' || coalesce(round(daily_budget_limit, 2)::text, 'no limit')
                || ' today, ' || round(month_to_date_spend, 2) || ' of '
                || coalesce(round(monthly_budget_limit, 2)::text, 'no limit') || ' this month'
        from analytics.budget_status
        where date = (now() at time zone %(time_zone)s)::date and alert_level <> 'ok'
        order by
            array_position(array['exceeded', 'critical'], alert_level),
            greatest(daily_utilization_percentage, monthly_utilization_percentage) desc nulls first, user_id
    """,
    "services": """
        select
            service_name,
            status,
            round(100 * error_rate) || ' %% of ' || requests || ' calls failed in the hour from '
                || to_char(hour_start at time zone %(time_zone)s, 'YYYY-MM-DD HH24:MI')
        from analytics.service_health_metrics
        where is_latest and status in ('degraded', 'down')
        order by array_position(array['down', 'degraded'], status), service_name
    """,
    "price": """
        select
            'the last whole week',
            'beyond ' || %(price_limit)s || ' USD',
            coalesce(
                'a qualified lead cost ' || round(sum(lead_cost) / nullif(sum(leads_qualified), 0), 4),
                'no lead qualified for ' || round(sum(lead_cost), 4)
            ) || ' USD in the week from ' || to_char(week.first_day, 'YYYY-MM-DD')
        from
            (select date_trunc('week', now() at time zone %(time_zone)s)::date - 7 as first_day) as week
        inner join analytics.campaign_performance_daily as days
            on days.date between week.first_day and week.first_day + 6
        where %(price_limit)s is not null
        group by week.first_day
        having sum(lead_cost) > %(price_limit)s * sum(leads_qualified)
    """,
    "money": """
        select what, 'some', sum(records) || ' of them'
        from (
            select
                case issue_type when 'unpriced_call' then 'calls without a price' else 'leads without a cost' end
                    as what,
                count(*) as records
            from analytics.data_quality_issues
            where
                issue_type = 'unpriced_call'
                or (issue_type = 'missing_cost' and source_table in ('businesses', 'enhanced_leads'))
            group by issue_type
        ) as issues
        group by what
        order by what
    """,
}
BOARDS = {"budgets": "spend", "services": "service_health", "price": "campaigns", "money": "data_quality"}
WELL = "well again"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    name: str
    state: str
    detail: str


def change(before: dict[str, str], now: list[Finding]) -> str | None:
    """What is to be told, worst first, and what is well again in the end; None if the states are the same."""
    states = {finding.name: finding.state for finding in now}
    said = [
        f"{finding.name} {finding.state}"
        + (f" (was {before[finding.name]})" if finding.name in before else "")
        + f": {finding.detail}"
        for finding in now
        if before.get(finding.name) != finding.state
    ]
    said += [f"{name} {WELL} (was {state})" for name, state in sorted(before.items()) if name not in states]
    return "; ".join(said) if said else None


def shortened(opening: str, said: str, address: str) -> str:
    """A text that the log can hold, which ends with the board's address whatever was cut."""
    ending = f" {address}" if address else ""
    room = LONGEST_MESSAGE - len(opening) - len(ending)
    return opening + (said if len(said) <= room else f"{said[: room - 2]} …") + ending
