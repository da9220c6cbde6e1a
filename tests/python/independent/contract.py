"""Names, order and types of the marts' columns.

The scale of a numeric type is the one to compare at. Columns that are surrogate keys, or text for the reader only, are
left out: ids made by hashing, and the details and time of a defect. `has_error` says whether `last_error` is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from .arithmetic import rounded
from .source import moment

TEXT = pl.String()
JSON = pl.String()
INTEGER = pl.Int64()
BOOLEAN = pl.Boolean()
DATE = pl.Date()
TIME = pl.Datetime("us", "UTC")
TEXTS = pl.List(pl.String())
MEGABYTES = SCORE = pl.Decimal(38, 2)
MONEY = RATE = pl.Decimal(38, 4)
PRECISE = pl.Decimal(38, 6)


def _columns(kind: pl.DataType, names: str) -> dict[str, pl.DataType]:
    return dict.fromkeys(names.split(), kind)


MARTS: dict[str, dict[str, pl.DataType]] = {
    "campaign_analytics": (
        _columns(TEXT, "campaign_id user_id campaign_name business_type location status")
        | _columns(TIME, "created_at completed_at")
        | _columns(MONEY, "budget_limit")
        | _columns(INTEGER, "lead_target total_leads qualified_leads exported_leads failed_leads")
        | _columns(PRECISE, "qualification_rate")
        | _columns(SCORE, "avg_confidence_score")
        | _columns(INTEGER, "grade_a_leads grade_b_leads grade_c_leads grade_d_leads grade_f_leads leads_with_email")
        | _columns(INTEGER, "total_emails deliverable_emails")
        | _columns(PRECISE, "email_verification_rate")
        | _columns(INTEGER, "leads_with_social_profile")
        | _columns(MONEY, "total_cost")
        | _columns(INTEGER, "total_api_calls")
        | _columns(MONEY, "total_api_cost")
        | _columns(PRECISE, "api_success_rate avg_response_time_ms")
        | _columns(MONEY, "cost_per_lead cost_per_qualified_lead")
        | _columns(PRECISE, "roi_percentage")
        | _columns(INTEGER, "efficiency_score")
        | _columns(TEXT, "efficiency_rating")
        | _columns(PRECISE, "budget_utilization_percentage")
        | _columns(MONEY, "recorded_cost cost_drift")
        | _columns(TIME, "first_lead_at last_lead_at")
    ),
    "campaign_performance_daily": (
        _columns(TEXT, "campaign_id user_id")
        | _columns(DATE, "date")
        | _columns(INTEGER, "leads_discovered leads_qualified")
        | _columns(PRECISE, "qualification_rate")
        | _columns(MONEY, "lead_cost")
        | _columns(INTEGER, "api_calls")
        | _columns(MONEY, "api_cost")
        | _columns(INTEGER, "api_errors cumulative_leads")
        | _columns(MONEY, "cumulative_lead_cost cumulative_api_cost")
        | _columns(PRECISE, "budget_utilization_percentage")
    ),
    "campaign_metrics": (
        _columns(TEXT, "campaign_id metric_name")
        | _columns(MONEY, "metric_value")
        | _columns(TEXT, "metric_type api_service")
        | _columns(TIME, "recorded_at")
        | _columns(TEXT, "origin")
    ),
    "api_cost_tracking": (
        _columns(TEXT, "campaign_id user_id api_service endpoint")
        | _columns(INTEGER, "request_count")
        | _columns(PRECISE, "cost_per_request")
        | _columns(MONEY, "total_cost")
        | _columns(INTEGER, "success_count error_count")
        | _columns(PRECISE, "avg_response_time_ms")
        | _columns(INTEGER, "rate_limit_remaining credits_used")
        | _columns(MONEY, "estimated_cost")
        | _columns(BOOLEAN, "is_campaign_deleted")
        | _columns(DATE, "date")
        | _columns(INTEGER, "hour")
        | _columns(TIME, "created_at")
    ),
    "api_service_breakdown": (
        _columns(TEXT, "api_service")
        | _columns(DATE, "date")
        | _columns(INTEGER, "total_requests")
        | _columns(MONEY, "total_cost")
        | _columns(PRECISE, "success_rate avg_response_time_ms")
        | _columns(PRECISE, "p50_response_time_ms p95_response_time_ms p99_response_time_ms cost_per_request")
        | _columns(MONEY, "list_cost cost_variance")
        | _columns(INTEGER, "active_campaigns")
    ),
    "service_health_metrics": (
        _columns(TEXT, "service_name")
        | _columns(TIME, "hour_start")
        | _columns(TEXT, "status")
        | _columns(PRECISE, "response_time_ms p95_response_time_ms")
        | _columns(RATE, "error_rate")
        | _columns(INTEGER, "rate_limit_remaining requests")
        | _columns(MONEY, "cost cost_budget_remaining")
        | _columns(INTEGER, "requests_today")
        | _columns(MONEY, "cost_today")
        | _columns(TIME, "last_successful_call")
        | _columns(BOOLEAN, "has_error")
        | _columns(TIME, "timestamp")
        | _columns(BOOLEAN, "is_latest")
        | _columns(TEXT, "origin")
    ),
    "lead_qualification_metrics": (
        _columns(TEXT, "campaign_id user_id")
        | _columns(INTEGER, "total_leads_discovered leads_qualified")
        | _columns(RATE, "qualification_rate")
        | _columns(SCORE, "avg_confidence_score")
        | _columns(INTEGER, "total_api_calls")
        | _columns(MONEY, "total_api_cost cost_per_qualified_lead")
        | _columns(PRECISE, "roi_percentage")
        | _columns(DATE, "date")
        | _columns(INTEGER, "hour")
        | _columns(TIME, "created_at")
    ),
    "enhanced_leads": (
        _columns(TEXT, "id campaign_id user_id business_name address phone website email")
        | _columns(INTEGER, "confidence_score")
        | _columns(TEXT, "grade")
        | _columns(TEXTS, "business_type")
        | _columns(TEXT, "owner_name")
        | _columns(INTEGER, "employee_count")
        | _columns(TEXT, "discovery_source")
        | _columns(JSON, "enrichment_sources")
        | _columns(MONEY, "discovery_cost enrichment_cost validation_cost total_cost")
        | _columns(INTEGER, "data_completeness_score")
        | _columns(BOOLEAN, "is_qualified")
        | _columns(TEXT, "qualification_reason processing_stage")
        | _columns(INTEGER, "email_count deliverable_email_count")
        | _columns(TEXT, "best_email")
        | _columns(BOOLEAN, "email_verified")
        | _columns(INTEGER, "social_profile_count")
        | _columns(BOOLEAN, "social_verified")
        | _columns(INTEGER, "website_status")
        | _columns(TEXT, "export_status")
        | _columns(TIME, "exported_at")
        | _columns(PRECISE, "latitude longitude")
        | _columns(TEXT, "duplicate_of source_table")
        | _columns(TIME, "created_at updated_at")
    ),
    "budget_status": (
        _columns(TEXT, "user_id")
        | _columns(DATE, "date")
        | _columns(MONEY, "spend daily_budget_limit")
        | _columns(PRECISE, "daily_utilization_percentage")
        | _columns(MONEY, "month_to_date_spend monthly_budget_limit")
        | _columns(PRECISE, "monthly_utilization_percentage")
        | _columns(MONEY, "projected_month_spend")
        | _columns(TEXT, "alert_level")
    ),
    "dashboard_exports": (
        _columns(TEXT, "id user_id campaign_id")
        | _columns(TEXTS, "campaign_ids")
        | _columns(TEXT, "export_type file_format")
        | _columns(INTEGER, "row_count")
        | _columns(MEGABYTES, "file_size_mb")
        | _columns(TEXT, "export_status")
        | _columns(TIME, "expires_at")
        | _columns(BOOLEAN, "is_expired")
        | _columns(DATE, "start_date end_date")
        | _columns(TIME, "created_at completed_at")
        | _columns(TEXT, "source_table")
    ),
    "api_usage_reconciliation": (
        _columns(TEXT, "api_service")
        | _columns(DATE, "date")
        | _columns(INTEGER, "usage_calls log_calls tracking_calls paired_calls usage_only_calls log_only_calls")
        | _columns(INTEGER, "tracking_only_calls counted_calls")
        | _columns(MONEY, "usage_cost log_cost tracking_cost counted_cost double_count_avoided")
    ),
    "data_quality_issues": _columns(TEXT, "issue_type severity source_table record_id campaign_id"),
}

KEYS: dict[str, tuple[str, ...]] = {
    "campaign_analytics": ("campaign_id",),
    "campaign_performance_daily": ("campaign_id", "date"),
    "campaign_metrics": ("origin", "campaign_id", "metric_name", "metric_type", "api_service", "recorded_at"),
    "api_cost_tracking": ("campaign_id", "api_service", "endpoint", "date", "hour"),
    "api_service_breakdown": ("api_service", "date"),
    "service_health_metrics": ("service_name", "hour_start"),
    "lead_qualification_metrics": ("campaign_id", "date", "hour"),
    "enhanced_leads": ("id",),
    "budget_status": ("user_id", "date"),
    "dashboard_exports": ("id", "source_table"),
    "api_usage_reconciliation": ("api_service", "date"),
    "data_quality_issues": ("issue_type", "source_table", "record_id"),
}
"""The columns that tell a mart's rows apart; rows of campaign_metrics may share theirs."""

JSON_COLUMNS = frozenset({"enrichment_sources"})


def frame(mart: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows with a mart's columns as a typed frame; times may be microseconds since 1970."""
    columns = MARTS[mart]
    values = [tuple(typed(row[name], name, kind) for name, kind in columns.items()) for row in rows]
    return pl.DataFrame(values, schema=columns, orient="row")


def typed(value: Any, name: str, kind: pl.DataType) -> Any:
    """A value as its column compares it: numbers rounded, JSON in one spelling, times as datetime."""
    if value is None:
        return None
    if isinstance(kind, pl.Decimal):
        return rounded(value, kind.scale)
    if isinstance(kind, pl.Datetime):
        return value if isinstance(value, datetime) else moment(value)
    if name in JSON_COLUMNS:
        return json.dumps(value, sort_keys=True, default=_plain_number)
    return value


def _plain_number(value: Decimal) -> float:
    return float(value)
