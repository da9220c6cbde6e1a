"""A source small enough to check by hand, and what the marts must say about it, computed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from conftest import build, execute, new_database, query
from embedded_postgres import Server

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

# The hybrid shape without the tables and columns that nothing here depends on, and without foreign keys.
TABLES = """
create table campaigns (
    id uuid primary key, user_id uuid, name text, status text, budget_limit numeric(10,2), current_cost numeric(10,4),
    created_at timestamptz
);
create table businesses (
    id uuid primary key, campaign_id uuid, business_name text, phone text, confidence_score int, is_qualified boolean,
    discovery_cost numeric(10,4), enrichment_cost numeric(10,4), validation_cost numeric(10,4),
    total_cost numeric(10,4) generated always as (discovery_cost + enrichment_cost + validation_cost) stored,
    processing_stage text, created_at timestamptz, exported_at timestamptz
);
create table lead_emails (id uuid primary key, lead_id uuid, email text, verification_status text);
create table lead_social_profiles (id uuid primary key, lead_id uuid, platform text);
create table user_settings (
    user_id uuid primary key, daily_budget_limit numeric, monthly_budget_limit numeric, notification_settings jsonb
);
create table api_usage (
    id uuid primary key, user_id uuid, campaign_id uuid, service text, endpoint text, cost numeric(10,4),
    success boolean, response_time int, error_message text, created_at timestamptz
);
create table api_usage_log (
    id uuid primary key, campaign_id uuid, api_service text, endpoint text, request_cost numeric(8,4),
    response_status int, credits_used int, processing_time_ms int, created_at timestamptz
);
create table api_cost_tracking (
    id uuid, campaign_id uuid, api_service text, endpoint text, request_count int, total_cost numeric(10,4),
    success_count int, error_count int, avg_response_time_ms int, date date, hour int
);
create table service_health_metrics (id uuid, service_name text, status text, "timestamp" timestamptz);
create table export_history (
    id uuid primary key, campaign_id uuid, format text, leads_count int, file_size_bytes bigint, created_at timestamptz
);
"""

# Ids are written :NAME. GONE is a campaign that no longer exists.
_ROWS = """
insert into campaigns values
    (:A, :USER, 'Plumbers', 'running', 10.00, 0.5000, '2025-03-09 08:00+00'),
    (:B, :OTHER, 'Bakers', 'archived', 0.00, null, '2025-03-09 09:00+00');
insert into user_settings values (:USER, 1.00, 2.00, '{"budget_alert_threshold": 80}');

insert into businesses (
    id, campaign_id, business_name, phone, confidence_score, is_qualified, discovery_cost, enrichment_cost,
    validation_cost, processing_stage, created_at, exported_at
) values
    (:L1, :A, 'Acme Pipes', '+1 555 010 0001', 95, true, 0.10, 0.05, 0.05, 'qualified', '2025-03-10 10:05+00', now()),
    (:L2, :A, 'Best Pipes', null, 85, true, 0.10, 0.10, null, 'qualified', '2025-03-10 10:40+00', null),
    (:L3, :A, 'Cold Pipes', null, 72, null, 0.10, 0, 0, 'failed', '2025-03-10 11:10+00', null),
    (:L4, :A, 'ACME pipes.', '(555) 010-0001', 40, false, 0.10, 0, 0, null, '2025-03-10 11:20+00', null),
    (:L5, :B, 'Acme Pipes', '5550100001', 65, false, 0, 0, 0, null, '2025-03-10 10:15+00', null);
insert into lead_emails values
    (:E1, :L1, 'risky@acme.example', 'risky'), (:E2, :L1, 'info@acme.example', 'deliverable'),
    (:E3, :L2, 'info@best.example', 'unknown'), (:E4, :NOLEAD, 'info@gone.example', 'deliverable');
insert into lead_social_profiles values (:P1, :L3, 'linkedin'), (:P2, :L3, 'facebook');

insert into api_usage values
    (:U1, null, :A, 'hunter.io', 'verify_email', 0.049, true, 200, null, '2025-03-10 10:00:00+00'),
    (:U2, null, :A, 'Google Places', 'textsearch', 0.032, true, 100, null, '2025-03-10 10:05:00+00'),
    (:U3, null, :A, 'google_places', 'text_search', null, false, 300, 'upstream failed', '2025-03-10 10:06:00+00'),
    (:U4, null, :GONE, 'google_places', 'place_details', 0.017, true, 500, null, '2025-03-10 11:00:00+00'),
    (:U5, :USER, :A, 'neverbounce', 'verify_email', 0.950, true, null, null, '2025-03-11 09:30:00+00');
insert into api_usage_log values
    (:G1, :A, 'hunter', 'verify_email', 0.049, 200, 1, 210, '2025-03-10 10:00:01+00'),
    (:G2, :A, 'hunter', 'verify_email', 0.049, 429, 1, 400, '2025-03-10 10:30:00+00'),
    (:G3, null, 'scrapingdog', 'scrape', 0.002, 200, 5, 900, '2025-03-10 12:00:00+00'),
    (:G4, :A, 'google_places', 'text_search', 0.032, 200, 1, 100, '2025-03-10 10:05:06+00'),
    (:G5, :A, 'clearbit', 'enrich', null, 200, 1, null, '2025-03-10 12:10:00+00');
insert into api_cost_tracking values
    (:T1, :A, 'google_places', 'text_search', 3, 0.096, 3, 0, 120, '2025-03-10', 10),
    (:T2, :A, 'google_places', 'text_search', 2, 0.064, 2, 0, 150, '2025-03-10', 13);
insert into service_health_metrics values
    (:H1, 'hunter', 'healthy', '2025-03-10 10:45+00'), (:H2, 'hunter', 'degraded', '2025-03-10 14:20+00');
insert into export_history values
    (:X1, :A, 'xlsx', 1, 1572864, '2025-03-10 15:00+00'), (:X2, :A, 'csv', 1, null, '2025-03-10 16:00+00');
"""


def _uuid(name: str) -> str:
    return str(UUID(bytes=name.encode().ljust(16, b".")))


NAMES = {_uuid(name): name for name in re.findall(r":([A-Z]+\d?)\b", _ROWS)}
ROWS = re.sub(r":([A-Z]+\d?)\b", lambda match: f"'{_uuid(match[1])}'", _ROWS)

# U1 and G1, a second apart, are one call. G4 is six seconds from U2, so they are two. T1 is of an hour that both logs
# know, T2 of an hour that neither does. So the calls are U1 to U5, G2 to G5, and the two of T2: 11. They cost
#   U1 0.049 + U2 0.032 + U3 0.032 (list price) + U4 0.017 + U5 0.950 = 1.080
#   G2 0.049 + G3 0.002 + G4 0.032 + G5 nothing known                 = 0.083
#   T2                                                                = 0.064
# together 1.227, of which campaign A has all but U4 and G3: 1.208.


@pytest.fixture(scope="module")
def golden(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of the database, built."""
    with new_database(server) as dsn:
        execute(dsn, TABLES + ROWS)
        build(dsn, tmp_path_factory.mktemp("target_golden"))
        yield dsn


def _rows(dsn: str, statement: str) -> list[tuple]:
    """The rows with names for ids, and numbers as a reader writes them."""
    return [tuple(_plain(value) for value in row) for row in query(dsn, statement)]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return NAMES.get(value, value) if isinstance(value, str) else value


def test_campaign_analytics_of_leads(golden: str):
    counts = """
        campaign_id, status, total_leads, qualified_leads, exported_leads, failed_leads,
        concat_ws(' ', grade_a_leads, grade_b_leads, grade_c_leads, grade_d_leads, grade_f_leads),
        leads_with_email, total_emails, deliverable_emails, leads_with_social_profile
    """
    assert _rows(golden, f"select {counts} from analytics.campaign_analytics order by campaign_name desc") == [
        ("A", "active", 4, 2, 1, 1, "1 1 1 0 1", 2, 3, 1, 1),
        ("B", "unknown", 1, 0, 0, 0, "0 0 0 1 0", 0, 0, 0, 0),
    ]
    ratios = """
        qualification_rate, avg_confidence_score, email_verification_rate, total_cost, cost_per_lead,
        cost_per_qualified_lead, roi_percentage, efficiency_score, efficiency_rating, budget_utilization_percentage,
        recorded_cost, cost_drift
    """
    # A: L1 0.20 + L2 0.20 (a part is NULL, so its generated sum is too) + L3 0.10 + L4 0.10 = 0.60.
    # Scores (95 + 85 + 72 + 40) / 4 = 73. (2 x 10 - 0.60) / 0.60 = 32.33333333. 100 - 20 x 0.30 = 94.
    # B has no qualified lead, no e-mail, no cost and a budget of 0: every ratio over one of these is NULL.
    assert _rows(golden, f"select {ratios} from analytics.campaign_analytics order by campaign_name desc") == [
        (0.5, 73.0, 0.333333, 0.6, 0.15, 0.3, 3233.333333, 94, "Excellent", 6.0, 0.5, -0.1),
        (0.0, 65.0, None, 0.0, 0.0, None, None, None, None, None, None, None),
    ]


def test_campaign_analytics_of_calls(golden: str):
    columns = "total_api_calls, total_api_cost, api_success_rate, avg_response_time_ms"
    # A's nine calls fail twice: U3, and G2 with its status 429. Seven have a time:
    # U1 200 + U2 100 + U3 300 + G2 400 + G4 100 + T2 2 x 150 = 1400.
    assert _rows(golden, f"select {columns} from analytics.campaign_analytics order by campaign_name desc") == [
        (9, 1.208, 0.777778, 200.0),
        (0, 0.0, None, None),
    ]


def test_api_cost_tracking(golden: str):
    columns = """
        campaign_id, api_service, endpoint, extract(day from date)::int, hour, request_count, total_cost,
        cost_per_request, estimated_cost, success_count, error_count, avg_response_time_ms, credits_used,
        is_campaign_deleted
    """
    assert _rows(golden, f"select {columns} from analytics.api_cost_tracking order by date, hour, api_service") == [
        # U2, U3 and G4: (100 + 300 + 100) / 3 milliseconds
        ("A", "google_places", "text_search", 10, 10, 3, 0.096, 0.032, 0.032, 2, 1, 166.666667, 1, False),
        # U1, with the credit of its second record, and G2
        ("A", "hunter_io", "verify_email", 10, 10, 2, 0.098, 0.049, 0.0, 1, 1, 300.0, 2, False),
        ("GONE", "google_places", "place_details", 10, 11, 1, 0.017, 0.017, 0.0, 1, 0, 500.0, None, True),
        ("A", "clearbit", "enrich", 10, 12, 1, None, None, 0.0, 1, 0, None, 1, False),
        (None, "scrapingdog", "scrape", 10, 12, 1, 0.002, 0.002, 0.0, 1, 0, 900.0, 5, False),
        ("A", "google_places", "text_search", 10, 13, 2, 0.064, 0.032, 0.0, 2, 0, 150.0, None, False),
        ("A", "neverbounce", "verify_email", 11, 9, 1, 0.95, 0.95, 0.0, 1, 0, None, None, False),
    ]


def test_reconciliation(golden: str):
    columns = """
        extract(day from date)::int, api_service, usage_calls, log_calls, tracking_calls, paired_calls,
        usage_only_calls, log_only_calls, tracking_only_calls, counted_calls,
        usage_cost, log_cost, tracking_cost, counted_cost, double_count_avoided
    """
    assert _rows(golden, f"select {columns} from analytics.api_usage_reconciliation order by date, api_service") == [
        (10, "clearbit", 0, 1, 0, 0, 0, 1, 0, 1, 0.0, 0.0, 0.0, 0.0, 0.0),
        # T1 is what is not counted again: 0.096. Counted: U2, U3, U4 0.081 + G4 0.032 + T2 0.064.
        (10, "google_places", 3, 1, 5, 0, 3, 1, 2, 6, 0.081, 0.032, 0.16, 0.177, 0.096),
        # G1 is what is not counted again: 0.049.
        (10, "hunter_io", 1, 2, 0, 1, 0, 1, 0, 2, 0.049, 0.098, 0.0, 0.098, 0.049),
        (10, "scrapingdog", 0, 1, 0, 0, 0, 1, 0, 1, 0.0, 0.002, 0.0, 0.002, 0.0),
        (11, "neverbounce", 1, 0, 0, 0, 1, 0, 0, 1, 0.95, 0.0, 0.0, 0.95, 0.0),
    ]


def test_budget_status(golden: str):
    columns = """
        user_id, extract(day from date)::int, spend, daily_utilization_percentage, month_to_date_spend,
        monthly_utilization_percentage, projected_month_spend, alert_level
    """
    past = "date < '2025-04-01' order by user_id, date"
    # All of A's calls are its user's, 0.258 on the tenth. 0.258 x 31 / 10 = 0.7998; 1.208 x 31 / 11 = 3.40436.
    # Nobody is known for U4 and G3: 0.019.
    assert _rows(golden, f"select {columns} from analytics.budget_status where {past}") == [
        ("USER", 10, 0.258, 25.8, 0.258, 12.9, 0.7998, "ok"),
        ("USER", 11, 0.95, 95.0, 1.208, 60.4, 3.4044, "critical"),
        (None, 10, 0.019, None, 0.019, None, 0.0589, "ok"),
    ]
    columns, today = "user_id, spend, daily_budget_limit, alert_level", "date > '2025-04-01'"
    assert _rows(golden, f"select {columns} from analytics.budget_status where {today}") == [("USER", 0.0, 1.0, "ok")]


def test_lead_qualification_metrics(golden: str):
    columns = """
        campaign_id, extract(day from date)::int, hour, total_leads_discovered, leads_qualified, qualification_rate,
        avg_confidence_score, total_api_calls, total_api_cost, cost_per_qualified_lead, roi_percentage
    """
    by_campaign = "order by campaign_id, date, hour"
    assert _rows(golden, f"select {columns} from analytics.lead_qualification_metrics {by_campaign}") == [
        # L1 and L2; U1, U2, U3, G2 and G4: 0.194. (2 x 10 - 0.194) / 0.194 = 102.09278351
        ("A", 10, 10, 2, 2, 1.0, 90.0, 5, 0.194, 0.097, 10209.278351),
        # L3 and L4, and no call
        ("A", 10, 11, 2, 0, 0.0, 56.0, 0, 0.0, None, None),
        # G5, whose cost nobody knows
        ("A", 10, 12, 0, 0, None, None, 1, 0.0, None, None),
        ("A", 10, 13, 0, 0, None, None, 2, 0.064, None, -100.0),
        ("A", 11, 9, 0, 0, None, None, 1, 0.95, None, -100.0),
        ("B", 10, 10, 1, 0, 0.0, 65.0, 0, 0.0, None, None),
        ("GONE", 10, 11, 0, 0, None, None, 1, 0.017, None, -100.0),
        (None, 10, 12, 0, 0, None, None, 1, 0.002, None, -100.0),
    ]


def test_service_health_metrics(golden: str):
    columns = """
        service_name, extract(day from hour_start)::int, extract(hour from hour_start)::int, status, requests,
        error_rate, requests_today, cost_today, last_error, is_latest, origin
    """
    in_order = "order by service_name, hour_start"
    assert _rows(golden, f"select {columns} from analytics.service_health_metrics {in_order}") == [
        ("clearbit", 10, 12, "healthy", 1, 0.0, 1, 0.0, None, True, "derived"),
        ("google_places", 10, 10, "down", 3, 0.3333, 3, 0.096, "upstream failed", False, "derived"),
        ("google_places", 10, 11, "healthy", 1, 0.0, 4, 0.113, None, False, "derived"),
        ("google_places", 10, 13, "healthy", 2, 0.0, 6, 0.177, None, True, "derived"),
        # The hour from ten has calls, so its recorded ping is not used; that of two o'clock is.
        ("hunter_io", 10, 10, "down", 2, 0.5, 2, 0.098, "HTTP 429", False, "derived"),
        ("hunter_io", 10, 14, "degraded", 0, None, 2, 0.098, None, True, "recorded"),
        ("neverbounce", 11, 9, "healthy", 1, 0.0, 1, 0.95, None, True, "derived"),
        ("scrapingdog", 10, 12, "healthy", 1, 0.0, 1, 0.002, None, True, "derived"),
    ]


def test_leads_and_exports(golden: str):
    columns = "id, grade, total_cost, best_email, duplicate_of, export_status"
    assert _rows(golden, f"select {columns} from analytics.enhanced_leads order by id") == [
        ("L1", "A", 0.2, "info@acme.example", None, "exported"),
        ("L2", "B", 0.2, "info@best.example", None, "pending"),
        ("L3", "C", 0.1, None, None, "pending"),
        ("L4", "F", 0.1, None, "L1", "pending"),
        # The same name and phone in another campaign is no duplicate.
        ("L5", "D", 0.0, None, None, "pending"),
    ]
    # 1572864 / 1024 / 1024 = 1.5; a size that nobody recorded is not known.
    exports = "select id, file_format, file_size_mb from analytics.dashboard_exports order by id"
    assert _rows(golden, exports) == [("X1", "excel", 1.5), ("X2", "csv", None)]


def test_data_quality_issues(golden: str):
    columns = "record_id, issue_type, severity"
    assert _rows(golden, f"select {columns} from analytics.data_quality_issues order by record_id, issue_type") == [
        ("A", "counter_drift", "warning"),
        ("B", "unknown_status", "warning"),
        ("E4", "orphan_lead_email", "error"),
        ("G3", "deleted_campaign_spend", "info"),
        ("G3", "orphan_api_call", "info"),
        ("G5", "missing_cost", "info"),
        ("G5", "unknown_service", "warning"),
        ("G5", "unpriced_call", "warning"),
        ("L4", "duplicate_lead", "warning"),
        ("U3", "missing_cost", "info"),
        ("U4", "deleted_campaign_spend", "warning"),
        ("U4", "orphan_api_call", "warning"),
        ("clearbit enrich", "unknown_endpoint", "warning"),
    ]
