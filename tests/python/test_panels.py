"""Dashboard panels written for the application's own enhanced tables run unchanged on the marts of those names."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
from conftest import ShapeDatabase

PANELS = {
    "spend by service and day": """
        select date as time, api_service, sum(total_cost) as cost
        from api_cost_tracking
        where date >= current_date - interval '120 days'
        group by date, api_service
        order by 1""",
    "calls and errors by hour": """
        select date + hour * interval '1 hour' as time, sum(request_count), sum(success_count), sum(error_count),
            avg(avg_response_time_ms), min(rate_limit_remaining)
        from api_cost_tracking
        where created_at >= now() - interval '120 days'
        group by 1
        order by 1""",
    "dearest endpoints": """
        select api_service, endpoint, sum(total_cost) / nullif(sum(request_count), 0) as cost_per_request
        from api_cost_tracking
        where campaign_id is not null
        group by api_service, endpoint
        order by cost_per_request desc nulls last
        limit 10""",
    "qualification by hour": """
        select date, hour, sum(leads_qualified)::float / nullif(sum(total_leads_discovered), 0) as rate,
            avg(cost_per_qualified_lead) as cost, avg(roi_percentage) as roi
        from lead_qualification_metrics
        where date between current_date - 120 and current_date
        group by date, hour
        order by date, hour""",
    "latest qualification of each campaign": """
        select distinct on (campaign_id) campaign_id, total_leads_discovered, leads_qualified, qualification_rate,
            avg_confidence_score, total_api_calls, total_api_cost
        from lead_qualification_metrics
        order by campaign_id, created_at desc""",
    "health over time": """
        select "timestamp" as time, service_name, response_time_ms, error_rate
        from service_health_metrics
        where "timestamp" >= now() - interval '120 days'
        order by 1""",
    "health now": """
        select distinct on (service_name) service_name, status, rate_limit_remaining, cost_budget_remaining,
            requests_today, cost_today, last_successful_call, last_error
        from service_health_metrics
        order by service_name, "timestamp" desc""",
    "exports": """
        select export_type, file_format, row_count, file_size_mb, export_status, created_at, completed_at
        from dashboard_exports
        where export_status = 'completed' and created_at >= now() - interval '120 days'
        order by created_at desc""",
    "best leads": """
        select business_name, phone, website, owner_name, employee_count, confidence_score, total_cost,
            data_completeness_score, email_verified, website_status, social_verified, export_status
        from enhanced_leads
        where confidence_score >= 70 and export_status = 'pending'
        order by confidence_score desc, created_at
        limit 100""",
    "leads by source": """
        select discovery_source, count(*), avg(confidence_score), sum(total_cost)
        from enhanced_leads
        group by discovery_source""",
}


@pytest.mark.parametrize("panel", PANELS)
def test_panel_runs_unchanged(shape_database: ShapeDatabase, panel: str) -> None:
    with closing(psycopg2.connect(shape_database.dsn, options="-csearch_path=analytics")) as connection:
        cursor = connection.cursor()
        cursor.execute(PANELS[panel])
        assert cursor.fetchall()
