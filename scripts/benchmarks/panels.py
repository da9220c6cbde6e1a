"""The questions that a dashboard asks, as each contender has to ask them.

Raw SQL and DuckDB read the application's two logs as a careful dashboard author would: both logs together, only the
rows and columns that the panel needs, and aggregated by the recorded spelling before the spelling is looked up. They
do not pair the two records of one call, so they count most calls twice; pairing would make them slower still.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

RAW, VIEW, DUCKDB, MARTS = "raw SQL", "materialized view", "DuckDB", "marts"
CONTENDERS = (RAW, VIEW, DUCKDB, MARTS)

THIRTY_DAYS = "last 30 days by service"
ALL_TIME = "all time by service and day"
ONE_CAMPAIGN = "one campaign by day"
TODAY = "today by hour"
TOP_CAMPAIGNS = "top 20 campaigns by cost"
PANELS = (THIRTY_DAYS, ALL_TIME, ONE_CAMPAIGN, TODAY, TOP_CAMPAIGNS)

# Not a panel: what every contender can answer exactly, so that their answers can be compared.
USAGE_ONLY = "api_usage alone by service and day"

OTHER_SERVICE = "other"
VIEW_NAME = "benchmark.calls_hourly"
NAMES_TABLE = "service_names"


@dataclass(frozen=True)
class Moment:
    """What the panels are filtered by: a day (UTC), and the campaign with the most calls."""

    today: date
    campaign_id: str

    @property
    def since(self) -> date:
        """The first of the last 30 days."""
        return self.today - timedelta(days=30)


def _both_logs(columns: tuple[str, ...], condition: str = "true") -> str:
    """The records of both logs. The second log has its own names for two columns."""
    renamed = {"service": "api_service as service", "cost": "request_cost as cost"}
    return f"""
        select {", ".join(columns)} from api_usage where {condition}
        union all
        select {", ".join(renamed.get(column, column) for column in columns)} from api_usage_log where {condition}"""


def _named(spelled: str, keys: tuple[str, ...], measures: tuple[str, ...]) -> str:
    """Sum `spelled` (which has the column service, as recorded) by `keys` and the service's canonical name."""
    columns = "".join(f"spelled.{key}, " for key in keys)
    sums = ", ".join(f"sum(spelled.{measure}) as {measure}" for measure in measures)
    return f"""
        select {columns}coalesce(names.api_service, '{OTHER_SERVICE}') as service, {sums}
        from ({spelled}) as spelled
        left join {NAMES_TABLE} as names on names.alias = translate(lower(spelled.service), ' .-_/', '')
        group by {", ".join(str(number + 1) for number in range(len(keys) + 1))}"""


def raw_sql(moment: Moment) -> dict[str, str]:
    """For the source's own tables; DuckDB holds them under the same names and takes the same text."""
    by_service = f"""
        select service, count(*) as calls, sum(cost) as cost
        from ({_both_logs(("service", "cost"), f"created_at >= '{moment.since}'")}) as calls
        group by service"""
    by_service_and_day = f"""
        select cast(created_at as date) as date, service, count(*) as calls, sum(cost) as cost
        from ({_both_logs(("created_at", "service", "cost"))}) as calls
        group by 1, 2"""
    usage_only = """
        select cast(created_at as date) as date, service, count(*) as calls, sum(cost) as cost,
            count(*) - count(cost) as without_cost
        from api_usage
        group by 1, 2"""
    return {
        THIRTY_DAYS: _named(by_service, (), ("calls", "cost")),
        ALL_TIME: _named(by_service_and_day, ("date",), ("calls", "cost")),
        ONE_CAMPAIGN: f"""
            select cast(created_at as date) as date, count(*) as calls, sum(cost) as cost
            from ({_both_logs(("created_at", "cost"), f"campaign_id = '{moment.campaign_id}'")}) as calls
            group by 1
            order by 1""",
        TODAY: f"""
            select extract(hour from created_at) as hour, count(*) as calls, sum(cost) as cost
            from ({_both_logs(("created_at", "cost"), f"created_at >= '{moment.today}'")}) as calls
            group by 1
            order by 1""",
        TOP_CAMPAIGNS: f"""
            select campaigns.name, dearest.calls, dearest.cost
            from (
                select campaign_id, count(*) as calls, sum(cost) as cost
                from ({_both_logs(("campaign_id", "cost"))}) as calls
                group by campaign_id
            ) as dearest
            join campaigns on campaigns.id = dearest.campaign_id
            order by dearest.cost desc nulls last
            limit 20""",
        USAGE_ONLY: _named(usage_only, ("date",), ("calls", "cost", "without_cost")),
    }


def view_definition() -> str:
    """Both logs by campaign, service and hour: all that the panels need, and so no endpoint."""
    records = """
        select campaign_id, service, created_at, cost, 1 as usage_calls, cost as usage_cost from api_usage
        union all
        select campaign_id, api_service, created_at, request_cost, null, null from api_usage_log"""
    spelled = f"""
        select
            campaign_id, date_trunc('hour', created_at) as hour_start, service, count(*) as calls, sum(cost) as cost,
            count(usage_calls) as usage_calls, sum(usage_cost) as usage_cost,
            count(usage_calls) - count(usage_cost) as without_cost
        from ({records}) as records
        group by 1, 2, 3"""
    measures = ("calls", "cost", "usage_calls", "usage_cost", "without_cost")
    return _named(spelled, ("campaign_id", "hour_start"), measures)


def view_sql(moment: Moment) -> dict[str, str]:
    return {
        THIRTY_DAYS: f"""
            select service, sum(calls), sum(cost)
            from {VIEW_NAME} where hour_start >= '{moment.since}' group by service""",
        ALL_TIME: f"""
            select cast(hour_start as date) as date, service, sum(calls), sum(cost)
            from {VIEW_NAME} group by 1, 2""",
        ONE_CAMPAIGN: f"""
            select cast(hour_start as date) as date, sum(calls), sum(cost)
            from {VIEW_NAME} where campaign_id = '{moment.campaign_id}' group by 1 order by 1""",
        TODAY: f"""
            select extract(hour from hour_start) as hour, sum(calls), sum(cost)
            from {VIEW_NAME} where hour_start >= '{moment.today}' group by 1 order by 1""",
        TOP_CAMPAIGNS: f"""
            select campaigns.name, dearest.calls, dearest.cost
            from (select campaign_id, sum(calls) as calls, sum(cost) as cost from {VIEW_NAME} group by 1) as dearest
            join campaigns on campaigns.id = dearest.campaign_id
            order by dearest.cost desc nulls last
            limit 20""",
        USAGE_ONLY: f"""
            select cast(hour_start as date) as date, service, sum(usage_calls), sum(usage_cost), sum(without_cost)
            from {VIEW_NAME} group by 1, 2 having sum(usage_calls) > 0""",
    }


def marts_sql(moment: Moment) -> dict[str, str]:
    """The same questions of the mart that docs/marts.md names for them."""
    return {
        THIRTY_DAYS: f"""
            select api_service, sum(total_requests), sum(total_cost)
            from api_service_breakdown where date >= '{moment.since}' group by api_service""",
        ALL_TIME: "select date, api_service, total_requests, total_cost from api_service_breakdown",
        ONE_CAMPAIGN: f"""
            select date, sum(request_count), sum(total_cost)
            from api_cost_tracking where campaign_id = '{moment.campaign_id}' group by date order by date""",
        TODAY: f"""
            select hour, sum(request_count), sum(total_cost)
            from api_cost_tracking where date >= '{moment.today}' group by hour order by hour""",
        TOP_CAMPAIGNS: """
            select campaign_name, total_api_calls, total_api_cost
            from campaign_analytics order by total_api_cost desc nulls last limit 20""",
        USAGE_ONLY: """
            select date, api_service, usage_calls, usage_cost, null
            from api_usage_reconciliation where usage_calls > 0""",
    }


MART_OF = {
    THIRTY_DAYS: "api_service_breakdown",
    ALL_TIME: "api_service_breakdown",
    ONE_CAMPAIGN: "api_cost_tracking",
    TODAY: "api_cost_tracking",
    TOP_CAMPAIGNS: "campaign_analytics",
}


def all_mart_panels(moment: Moment) -> dict[tuple[str, str], str]:
    """By mart and title: the panels that every contender answers, and those of the marts alone."""
    shared = marts_sql(moment)
    return {**{(MART_OF[panel], panel): shared[panel] for panel in PANELS}, **mart_panels(moment)}


def mart_panels(moment: Moment) -> dict[tuple[str, str], str]:
    """By mart and title: typical panels of every mart, filtered by campaign or date as panels are, and what is slowest
    on the boards.
    """
    since, today, campaign_id = moment.since, moment.today, moment.campaign_id
    return {
        ("campaign_analytics", "one campaign"): f"""
            select campaign_name, status, total_leads, qualified_leads, cost_per_qualified_lead, roi_percentage,
                efficiency_rating, total_api_cost
            from campaign_analytics where campaign_id = '{campaign_id}'""",
        ("campaign_performance_daily", "one campaign, 30 days"): f"""
            select date, leads_discovered, lead_cost, api_cost, budget_utilization_percentage
            from campaign_performance_daily
            where campaign_id = '{campaign_id}' and date >= '{since}' order by date""",
        ("campaign_metrics", "one campaign"): f"""
            select metric_name, origin, metric_value
            from campaign_metrics where campaign_id = '{campaign_id}' order by metric_name, origin""",
        ("api_cost_tracking", "one campaign by endpoint"): f"""
            select api_service, endpoint, sum(request_count) as calls, sum(total_cost) as cost
            from api_cost_tracking where campaign_id = '{campaign_id}' and date >= '{since}'
            group by api_service, endpoint order by cost desc nulls last""",
        ("api_cost_tracking", "30 days by endpoint"): f"""
            select api_service, endpoint, sum(request_count) as calls, sum(total_cost) as cost,
                sum(estimated_cost) as of_it_estimated
            from api_cost_tracking where date >= '{since}'
            group by api_service, endpoint order by cost desc nulls last""",
        ("api_service_breakdown", "30 days by day"): f"""
            select api_service, date, total_requests, success_rate, p95_response_time_ms, total_cost, cost_variance
            from api_service_breakdown where date >= '{since}' order by date desc, api_service""",
        ("service_health_metrics", "now"): """
            select service_name, status, error_rate, last_successful_call, last_error, "timestamp"
            from service_health_metrics where is_latest order by service_name""",
        ("lead_qualification_metrics", "30 days by hour"): f"""
            select hour, sum(leads_qualified)::numeric / nullif(sum(total_leads_discovered), 0) as qualification_rate
            from lead_qualification_metrics where date >= '{since}' group by hour order by hour""",
        ("enhanced_leads", "one campaign, first 50"): f"""
            select business_name, phone, best_email, confidence_score, grade
            from enhanced_leads
            where campaign_id = '{campaign_id}'
                and is_qualified and duplicate_of is null and export_status = 'pending'
            order by confidence_score desc limit 50""",
        ("budget_status", "who will exceed the month"): f"""
            select user_id, month_to_date_spend, monthly_budget_limit, projected_month_spend, alert_level
            from budget_status where date = '{today}' and projected_month_spend > monthly_budget_limit""",
        ("dashboard_exports", "30 days by type"): f"""
            select export_type, file_format, count(*) as exports, sum(row_count) as rows
            from dashboard_exports where created_at >= '{since}' group by export_type, file_format""",
        ("api_usage_reconciliation", "30 days"): f"""
            select sum(usage_cost + log_cost + tracking_cost) as added_up, sum(counted_cost) as counted_once,
                sum(double_count_avoided) as double_count_avoided
            from api_usage_reconciliation where date >= '{since}'""",
        ("data_quality_issues", "30 days by type"): f"""
            select issue_type, severity, count(*) as records
            from data_quality_issues where detected_for >= '{since}'
            group by issue_type, severity order by records desc""",
        **_board_panels(moment),
    }


def _board_panels(moment: Moment) -> dict[tuple[str, str], str]:
    """What is slowest on each board, as it asks without a filter."""
    return {
        ("campaign_analytics", "board: leads by grade"): """
            select grades.grade, sum(grades.leads) as leads
            from campaign_analytics
            cross join lateral (
                values
                    ('A', grade_a_leads), ('B', grade_b_leads), ('C', grade_c_leads), ('D', grade_d_leads),
                    ('F', grade_f_leads),
                    (
                        'none',
                        total_leads - grade_a_leads - grade_b_leads - grade_c_leads - grade_d_leads - grade_f_leads
                    )
            ) as grades (grade, leads)
            group by grades.grade order by grades.grade""",
        ("campaign_performance_daily", "board: all by week"): f"""
            select cast(date_trunc('week', date) as date) as week, sum(leads_qualified) as qualified,
                sum(leads_discovered) - sum(leads_qualified) as not_qualified,
                sum(lead_cost) / nullif(sum(leads_qualified), 0) as cost_per_qualified
            from campaign_performance_daily
            where date <= '{moment.today}' and campaign_id in (select campaign_id from campaign_analytics)
            group by 1 having sum(leads_discovered) > 0 order by 1""",
        ("api_cost_tracking", "board: all by day and service"): f"""
            select date, api_service, sum(total_cost) as spend
            from api_cost_tracking where date <= '{moment.today}' and total_cost > 0
            group by date, api_service order by date, api_service""",
        ("service_health_metrics", "board: three days by hour"): """
            select hour_start, service_name, error_rate, p95_response_time_ms, rate_limit_remaining, last_error
            from service_health_metrics
            where hour_start <= current_timestamp and hour_start > current_timestamp - interval '3 days'
            order by hour_start, service_name""",
        ("budget_status", "board: how the month's budgets go"): f"""
            select date, user_id, monthly_utilization_percentage
            from budget_status
            where date between date_trunc('month', date '{moment.today}') and '{moment.today}'
                and user_id in (
                    select user_id from budget_status
                    where date = '{moment.today}' and monthly_utilization_percentage > 0
                    order by monthly_utilization_percentage desc limit 6
                )
            order by date, user_id""",
        ("enhanced_leads", "board: all by source"): """
            select discovery_source, count(*) as leads, avg(is_qualified::int) as qualification_rate,
                avg((grade in ('A', 'B'))::int) as good_grades, avg(data_completeness_score) as completeness,
                avg((email_count > 0)::int) as with_email,
                sum(deliverable_email_count) / nullif(sum(email_count), 0) as deliverable,
                count(*) filter (where duplicate_of is not null) as duplicates
            from enhanced_leads group by 1 order by leads desc""",
        ("data_quality_issues", "board: all by week"): """
            select cast(date_trunc('week', detected_for) as date) as week, severity, count(*) as records
            from data_quality_issues where detected_for <= current_timestamp group by 1, 2 order by 1, 2""",
    }
