"""The twelve marts, from campaigns, leads and counted calls. Times are microseconds since 1970-01-01 UTC."""

from __future__ import annotations

import json
from calendar import monthrange
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import polars as pl

from .arithmetic import known_total, percentile, ratio, return_on_investment, rounded, total, weighted_mean
from .calls import CallRecord, Calls, read_calls, user_of
from .contract import frame
from .defects import data_quality_issues, recorded_cost
from .leads import Campaigns, Leads, as_json_number, member, read_campaigns, read_leads
from .reference import HOUR, Reference
from .source import Row, Source, microseconds, read_source

T = TypeVar("T")
BYTES_PER_MEGABYTE = 1_048_576
EXPORT_FORMATS = {"csv": "csv", "excel": "excel", "json": "json", "pdf": "pdf", "xlsx": "excel"}
HEALTH_STATUSES = frozenset({"healthy", "degraded", "down"})
DERIVED_METRICS = {
    "total_leads": "performance",
    "qualified_leads": "conversion",
    "qualification_rate": "quality",
    "total_cost": "cost",
    "total_api_cost": "cost",
    "cost_per_qualified_lead": "cost",
    "roi_percentage": "performance",
}


@dataclass(frozen=True)
class Facts:
    """What every mart is made of."""

    source: Source
    reference: Reference
    campaigns: Campaigns
    leads: Leads
    calls: Calls
    now: int


def expected_marts(dsn: str, schema: str = "public", *, now: datetime) -> dict[str, pl.DataFrame]:
    """The rows each mart must have at the moment `now`, in any order; columns as `contract.MARTS` lists them.

    Raises psycopg2.Error when the source cannot be read.
    """
    return marts_of(read_facts(dsn, schema, now))


def marts_of(facts: Facts) -> dict[str, pl.DataFrame]:
    """The twelve marts of facts that are read already."""
    analytics = list(_campaign_analytics(facts))
    return {
        "campaign_analytics": frame("campaign_analytics", analytics),
        "campaign_performance_daily": frame("campaign_performance_daily", _campaign_performance_daily(facts)),
        "campaign_metrics": frame("campaign_metrics", _campaign_metrics(facts, analytics)),
        "api_cost_tracking": frame("api_cost_tracking", _api_cost_tracking(facts)),
        "api_service_breakdown": frame("api_service_breakdown", _api_service_breakdown(facts)),
        "service_health_metrics": frame("service_health_metrics", _service_health_metrics(facts)),
        "lead_qualification_metrics": frame("lead_qualification_metrics", _lead_qualification_metrics(facts)),
        "enhanced_leads": frame("enhanced_leads", facts.leads.rows),
        "budget_status": frame("budget_status", _budget_status(facts)),
        "dashboard_exports": frame("dashboard_exports", _dashboard_exports(facts)),
        "api_usage_reconciliation": frame("api_usage_reconciliation", _api_usage_reconciliation(facts)),
        "data_quality_issues": frame(
            "data_quality_issues",
            data_quality_issues(facts.source, facts.campaigns, facts.leads, facts.calls, facts.reference, facts.now),
        ),
    }


def read_facts(dsn: str, schema: str, now: datetime) -> Facts:
    """Read the source and settle what counts."""
    reference = Reference()
    source = read_source(dsn, schema)
    campaigns = read_campaigns(source)
    leads = read_leads(source, campaigns, reference)
    return Facts(source, reference, campaigns, leads, read_calls(source, reference), microseconds(now))


def _grouped(items: Iterable[T], key: Callable[[T], Any]) -> defaultdict[Any, list[T]]:
    groups: defaultdict[Any, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _requests(calls: Iterable[CallRecord]) -> int:
    return sum(call.request_count for call in calls)


def _successes(calls: Iterable[CallRecord]) -> int:
    return sum(call.success_count for call in calls)


def _errors(calls: Iterable[CallRecord]) -> int:
    return sum(call.error_count for call in calls)


def _cost(calls: Iterable[CallRecord]) -> Decimal:
    return total(call.cost for call in calls)


def _mean_response_time(calls: Iterable[CallRecord]) -> Decimal | None:
    return weighted_mean((call.response_time, call.request_count) for call in calls)


def _single_response_times(calls: Iterable[CallRecord]) -> list[int]:
    return [call.response_time for call in calls if call.is_single and call.response_time is not None]


def _in_order(calls: Iterable[CallRecord]) -> list[CallRecord]:
    return sorted(calls, key=lambda call: (call.at, call.id or ""))


def _last_rate_limit(calls: list[CallRecord]) -> int | None:
    limits = [call.rate_limit_remaining for call in _in_order(calls) if call.rate_limit_remaining is not None]
    return limits[-1] if limits else None


def _mean_score(leads: list[Row]) -> Decimal | None:
    scores = [lead["confidence_score"] for lead in leads if lead["confidence_score"] is not None]
    return ratio(sum(scores), len(scores))


def _qualified(leads: Iterable[Row]) -> int:
    return sum(lead["is_qualified"] for lead in leads)


# Campaigns


def _campaign_analytics(facts: Facts) -> Iterator[Row]:
    leads = _grouped(facts.leads.rows, lambda lead: lead["campaign_id"])
    calls = _grouped(facts.calls.counted, lambda call: call.campaign_id)
    for campaign_id, campaign in facts.campaigns.rows.items():
        row = _campaign(campaign, facts.reference)
        row |= _campaign_leads(leads[campaign_id])
        row |= _campaign_calls(calls[campaign_id])
        yield row | _campaign_ratios(row, facts.reference)


def _campaign(campaign: Row, reference: Reference) -> Row:
    def described(name: str) -> str | None:
        if campaign[name] is not None:
            return campaign[name]
        value = member(campaign["search_parameters"], name)
        if value is None and name == "business_type":
            value = member(campaign["search_parameters"], "businessType")
        return value if value is None or isinstance(value, str) else json.dumps(value, default=str)

    return {
        "campaign_id": campaign["id"],
        "user_id": campaign["user_id"],
        "campaign_name": campaign["name"],
        "business_type": described("business_type"),
        "location": described("location"),
        "status": reference.campaign_statuses.get(campaign["status"], "unknown"),
        "created_at": campaign["created_at"] or 0,
        "completed_at": campaign["completed_at"],
        "budget_limit": campaign["budget_limit"],
        "lead_target": campaign["lead_limit"] if campaign["target_count"] is None else campaign["target_count"],
        "recorded_cost": recorded_cost(campaign),
    }


def _campaign_leads(leads: list[Row]) -> Row:
    times = [lead["created_at"] for lead in leads]
    grades = [lead["grade"] for lead in leads]
    return {
        "total_leads": len(leads),
        "qualified_leads": _qualified(leads),
        "exported_leads": sum(lead["export_status"] == "exported" for lead in leads),
        "failed_leads": sum(lead["processing_stage"] == "failed" for lead in leads),
        "avg_confidence_score": _mean_score(leads),
        **{f"grade_{grade.lower()}_leads": grades.count(grade) for grade in "ABCDF"},
        "leads_with_email": sum(lead["best_email"] is not None for lead in leads),
        "total_emails": sum(lead["email_count"] for lead in leads),
        "deliverable_emails": sum(lead["deliverable_email_count"] for lead in leads),
        "leads_with_social_profile": sum(lead["social_profile_count"] > 0 for lead in leads),
        "total_cost": total(lead["total_cost"] for lead in leads),
        "first_lead_at": min(times, default=None),
        "last_lead_at": max(times, default=None),
    }


def _campaign_calls(calls: list[CallRecord]) -> Row:
    return {
        "total_api_calls": _requests(calls),
        "total_api_cost": _cost(calls),
        "api_success_rate": ratio(_successes(calls), _requests(calls)),
        "avg_response_time_ms": _mean_response_time(calls),
    }


def _campaign_ratios(row: Row, reference: Reference) -> Row:
    cost, qualified = row["total_cost"], row["qualified_leads"]
    cost_per_qualified_lead = ratio(cost, qualified)
    return {
        "qualification_rate": ratio(qualified, row["total_leads"]),
        "email_verification_rate": ratio(row["deliverable_emails"], row["total_emails"]),
        "cost_per_lead": ratio(cost, row["total_leads"]),
        "cost_per_qualified_lead": cost_per_qualified_lead,
        "roi_percentage": return_on_investment(qualified, reference.number("qualified_lead_value_usd"), cost),
        "efficiency_score": _efficiency_score(cost_per_qualified_lead, reference),
        "efficiency_rating": reference.efficiency_rating(cost_per_qualified_lead),
        "budget_utilization_percentage": ratio(cost, row["budget_limit"], times=100),
        "cost_drift": None if row["recorded_cost"] is None else row["recorded_cost"] - cost,
    }


def _efficiency_score(cost_per_qualified_lead: Decimal | None, reference: Reference) -> int | None:
    if cost_per_qualified_lead is None:
        return None
    score = 100 - reference.number("efficiency_points_per_usd") * cost_per_qualified_lead
    return int(rounded(min(max(score, Decimal(0)), Decimal(100)), 0))


def _campaign_performance_daily(facts: Facts) -> Iterator[Row]:
    clock = facts.reference.clock
    leads = _grouped(facts.leads.rows, lambda lead: (lead["campaign_id"], clock.date_of(lead["created_at"])))
    calls = _grouped(facts.calls.counted, lambda call: (call.campaign_id, call.date))
    dates = _grouped(leads.keys() | calls.keys(), lambda key: key[0])
    for campaign_id, days in dates.items():
        campaign = facts.campaigns.rows.get(campaign_id)
        cumulative_leads, cumulative_lead_cost, cumulative_api_cost = 0, Decimal(0), Decimal(0)
        for key in sorted(days, key=lambda key: key[1]):
            lead_cost, api_cost = total(lead["total_cost"] for lead in leads[key]), _cost(calls[key])
            cumulative_leads += len(leads[key])
            cumulative_lead_cost += lead_cost
            cumulative_api_cost += api_cost
            yield {
                "campaign_id": campaign_id,
                "user_id": campaign and campaign["user_id"],
                "date": key[1],
                "leads_discovered": len(leads[key]),
                "leads_qualified": _qualified(leads[key]),
                "qualification_rate": ratio(_qualified(leads[key]), len(leads[key])),
                "lead_cost": lead_cost,
                "api_calls": _requests(calls[key]),
                "api_cost": api_cost,
                "api_errors": _errors(calls[key]),
                "cumulative_leads": cumulative_leads,
                "cumulative_lead_cost": cumulative_lead_cost,
                "cumulative_api_cost": cumulative_api_cost,
                "budget_utilization_percentage": ratio(
                    cumulative_lead_cost, campaign and campaign["budget_limit"], times=100
                ),
            }


def _campaign_metrics(facts: Facts, analytics: list[Row]) -> Iterator[Row]:
    is_enhanced = facts.source.types.get("campaign_analytics", {}).get("id") == "uuid"
    for row in facts.source.rows["campaign_analytics"]:
        recorded_at = row["timestamp"] if row["created_at"] is None else row["created_at"]
        service = row["api_service"]
        yield {
            "campaign_id": row["campaign_id"],
            "metric_name": row["metric_name"],
            "metric_value": row["metric_value"],
            "metric_type": row["metric_type"] if is_enhanced else None,
            "api_service": facts.reference.canonical_service(service) if is_enhanced and service else None,
            "recorded_at": recorded_at or 0,
            "origin": "recorded_enhanced" if is_enhanced else "recorded_simple",
        }
    for campaign in analytics:
        for metric, kind in DERIVED_METRICS.items():
            # Amounts have four decimals where the campaign's mart shows them, ratios six.
            value = rounded(campaign[metric], 4 if kind == "cost" else 6)
            yield {
                "campaign_id": campaign["campaign_id"],
                "metric_name": metric,
                "metric_value": value,
                "metric_type": kind,
                "api_service": None,
                "recorded_at": facts.now,
                "origin": "derived",
            }


def _lead_qualification_metrics(facts: Facts) -> Iterator[Row]:
    clock = facts.reference.clock
    leads = _grouped(facts.leads.rows, lambda lead: (lead["campaign_id"], clock.hour_of(lead["created_at"])))
    calls = _grouped(facts.calls.counted, lambda call: (call.campaign_id, clock.hour_of(call.at)))
    for key in leads.keys() | calls.keys():
        campaign_id, hour = key
        qualified, cost = _qualified(leads[key]), _cost(calls[key])
        value_of_lead = facts.reference.number("qualified_lead_value_usd")
        yield {
            "campaign_id": campaign_id,
            "user_id": facts.campaigns.users.get(campaign_id),
            "total_leads_discovered": len(leads[key]),
            "leads_qualified": qualified,
            "qualification_rate": ratio(qualified, len(leads[key])),
            "avg_confidence_score": _mean_score(leads[key]),
            "total_api_calls": _requests(calls[key]),
            "total_api_cost": cost,
            "cost_per_qualified_lead": ratio(cost, qualified),
            "roi_percentage": return_on_investment(qualified, value_of_lead, cost),
            "date": hour.date,
            "hour": hour.hour,
            "created_at": hour.start,
        }


# API calls


def _api_cost_tracking(facts: Facts) -> Iterator[Row]:
    clock = facts.reference.clock
    groups = _grouped(facts.calls.counted, lambda call: (*call.key, clock.hour_of(call.at)))
    for (campaign_id, service, endpoint, hour), calls in groups.items():
        cost = known_total(call.cost for call in calls)
        yield {
            "campaign_id": campaign_id,
            "user_id": facts.campaigns.users.get(campaign_id) or _common_user(calls),
            "api_service": service,
            "endpoint": endpoint,
            "request_count": _requests(calls),
            "cost_per_request": ratio(cost, _requests(calls)),
            "total_cost": cost,
            "success_count": _successes(calls),
            "error_count": _errors(calls),
            "avg_response_time_ms": _mean_response_time(calls),
            "rate_limit_remaining": _last_rate_limit(calls),
            "credits_used": _known_int(known_total(call.credits_used for call in calls)),
            "estimated_cost": total(call.cost for call in calls if call.is_cost_estimated),
            "is_campaign_deleted": campaign_id is not None and campaign_id not in facts.campaigns.rows,
            "date": hour.date,
            "hour": hour.hour,
            "created_at": hour.start,
        }


def _common_user(calls: list[CallRecord]) -> str | None:
    users = {call.user_id for call in calls if call.user_id is not None}
    return users.pop() if len(users) == 1 else None


def _known_int(number: Decimal | None) -> int | None:
    return None if number is None else int(number)


def _api_service_breakdown(facts: Facts) -> Iterator[Row]:
    for (service, day), calls in _grouped(facts.calls.counted, lambda call: (call.service, call.date)).items():
        cost = known_total(call.cost for call in calls)
        list_cost = known_total(call.list_cost for call in calls)
        times = _single_response_times(calls)
        yield {
            "api_service": service,
            "date": day,
            "total_requests": _requests(calls),
            "total_cost": cost,
            "success_rate": ratio(_successes(calls), _requests(calls)),
            "avg_response_time_ms": _mean_response_time(calls),
            "p50_response_time_ms": percentile(times, Decimal("0.5")),
            "p95_response_time_ms": percentile(times, Decimal("0.95")),
            "p99_response_time_ms": percentile(times, Decimal("0.99")),
            "cost_per_request": ratio(cost, _requests(calls)),
            "list_cost": list_cost,
            "cost_variance": None if cost is None or list_cost is None else cost - list_cost,
            "active_campaigns": len({call.campaign_id for call in calls} - {None}),
        }


def _api_usage_reconciliation(facts: Facts) -> Iterator[Row]:
    def by_day(records: Iterable[CallRecord]) -> defaultdict[tuple[str, date], list[CallRecord]]:
        return _grouped(records, lambda record: (record.service, record.date))

    calls = facts.calls
    usage, log, tracking = by_day(calls.usage), by_day(calls.log), by_day(calls.tracking)
    paired, log_only = by_day(record for record, _ in calls.pairs), by_day(calls.log_only)
    tracking_only, counted = by_day(calls.tracking_only), by_day(calls.counted)
    for key in usage.keys() | log.keys() | tracking.keys():
        costs = {
            "usage_cost": _cost(usage[key]),
            "log_cost": _cost(log[key]),
            "tracking_cost": _cost(tracking[key]),
        }
        yield {
            "api_service": key[0],
            "date": key[1],
            "usage_calls": len(usage[key]),
            "log_calls": len(log[key]),
            "tracking_calls": _requests(tracking[key]),
            "paired_calls": len(paired[key]),
            "usage_only_calls": len(usage[key]) - len(paired[key]),
            "log_only_calls": len(log_only[key]),
            "tracking_only_calls": _requests(tracking_only[key]),
            "counted_calls": len(usage[key]) + len(log_only[key]) + _requests(tracking_only[key]),
            **costs,
            "counted_cost": _cost(counted[key]),
            "double_count_avoided": sum(costs.values()) - _cost(counted[key]),
        }


# Service health


def _service_health_metrics(facts: Facts) -> Iterator[Row]:
    clock = facts.reference.clock
    calls = _grouped(facts.calls.counted, lambda call: (call.service, clock.hour_of(call.at)))
    pings: dict[tuple[str, Any], Row] = {}
    recorded = facts.source.rows["service_health_metrics"]
    for ping in sorted(recorded, key=lambda ping: (ping["timestamp"] or 0, ping["id"] or "")):
        pings[facts.reference.canonical_service(ping["service_name"]), clock.hour_of(ping["timestamp"] or 0)] = ping

    hours = _grouped(calls.keys() | pings.keys(), lambda key: key[0])
    for service, keys in hours.items():
        past = [hour.start for _, hour in keys if hour.start <= facts.now]
        latest = max(past or [hour.start for _, hour in keys])
        day, requests_today, cost_today = None, 0, Decimal(0)
        month, cost_of_month = None, Decimal(0)
        last_success: int | None = None
        recorded_budget: Decimal | None = None
        for key in sorted(keys, key=lambda key: key[1].start):
            hour, hour_calls = key[1], calls.get(key, [])
            if hour.date != day:
                day, requests_today, cost_today = hour.date, 0, Decimal(0)
            if (hour.date.year, hour.date.month) != month:
                month, cost_of_month = (hour.date.year, hour.date.month), Decimal(0)
            requests_today += _requests(hour_calls)
            cost_today += _cost(hour_calls)
            cost_of_month += _cost(hour_calls)
            successes = [call.at for call in hour_calls if call.is_single and call.success_count]
            last_success = _latest(last_success, *successes)
            budget = facts.reference.monthly_budgets.get(service)
            if key in pings and pings[key]["cost_budget_remaining"] is not None:
                recorded_budget = pings[key]["cost_budget_remaining"]
            row = {
                "service_name": service,
                "hour_start": hour.start,
                "requests": _requests(hour_calls),
                "cost": _cost(hour_calls),
                "cost_budget_remaining": recorded_budget if budget is None else budget - cost_of_month,
                "requests_today": requests_today,
                "cost_today": cost_today,
                "last_successful_call": last_success,
                "is_latest": hour.start == latest,
            }
            if hour_calls:
                yield row | _derived_health(hour_calls, facts.reference)
            else:
                row |= _recorded_health(pings[key], hour.start + HOUR, last_success, facts.reference)
                last_success = row["last_successful_call"]
                yield row


def _latest(*times: int | None) -> int | None:
    return max((time for time in times if time is not None), default=None)


def _derived_health(calls: list[CallRecord], reference: Reference) -> Row:
    error_rate = ratio(_errors(calls), _requests(calls))
    failed = [call for call in calls if call.is_single and call.error_count]
    return {
        "status": _health(error_rate, reference),
        "response_time_ms": _mean_response_time(calls),
        "p95_response_time_ms": percentile(_single_response_times(calls), Decimal("0.95")),
        "error_rate": error_rate,
        "rate_limit_remaining": _last_rate_limit(calls),
        "has_error": any(call.error_message or call.http_status is not None for call in failed),
        "timestamp": max(call.at for call in calls),
        "origin": "derived",
    }


def _recorded_health(ping: Row, end_of_hour: int, last_success: int | None, reference: Reference) -> Row:
    recorded = ping["last_successful_call"]
    is_recorded_usable = recorded is not None and recorded < end_of_hour
    is_status_known = ping["status"] in HEALTH_STATUSES
    return {
        "status": ping["status"] if is_status_known else _health(ping["error_rate"], reference),
        "response_time_ms": ping["response_time_ms"],
        "p95_response_time_ms": None,
        "error_rate": ping["error_rate"],
        "rate_limit_remaining": ping["rate_limit_remaining"],
        "last_successful_call": _latest(last_success, recorded if is_recorded_usable else None),
        "has_error": bool(ping["last_error"]),
        "timestamp": ping["timestamp"] or 0,
        "origin": "recorded",
    }


def _health(error_rate: Decimal | None, reference: Reference) -> str | None:
    if error_rate is None:
        return None
    if error_rate < reference.number("degraded_error_rate"):
        return "healthy"
    return "degraded" if error_rate < reference.number("down_error_rate") else "down"


# Budgets


def _budget_status(facts: Facts) -> Iterator[Row]:
    spend: defaultdict[tuple[str | None, date], Decimal] = defaultdict(Decimal)
    for call in facts.calls.counted:
        spend[user_of(call, facts.campaigns.users), call.date] += call.cost or 0
    settings = {row["user_id"]: row for row in facts.source.rows["user_settings"]}
    for user_id in settings:
        spend[user_id, facts.reference.clock.date_of(facts.now)] += 0

    of_month: defaultdict[tuple[str | None, int, int], Decimal] = defaultdict(Decimal)
    for user_id, day in sorted(spend, key=lambda key: key[1]):
        month = (user_id, day.year, day.month)
        of_month[month] += spend[user_id, day]
        own = settings.get(user_id, {})
        daily, monthly = own.get("daily_budget_limit"), own.get("monthly_budget_limit")
        threshold = as_json_number(member(own.get("notification_settings"), "budget_alert_threshold"))
        if threshold is None:
            threshold = facts.reference.number("default_budget_alert_threshold")
        levels = [
            _alert_level(spend[user_id, day], daily, threshold, facts.reference),
            _alert_level(of_month[month], monthly, threshold, facts.reference),
        ]
        yield {
            "user_id": user_id,
            "date": day,
            "spend": spend[user_id, day],
            "daily_budget_limit": daily,
            "daily_utilization_percentage": ratio(spend[user_id, day], daily, times=100),
            "month_to_date_spend": of_month[month],
            "monthly_budget_limit": monthly,
            "monthly_utilization_percentage": ratio(of_month[month], monthly, times=100),
            "projected_month_spend": of_month[month] * monthrange(day.year, day.month)[1] / day.day,
            "alert_level": max(levels, key=ALERT_LEVELS.index),
        }


ALERT_LEVELS = ("ok", "warning", "critical", "exceeded")


def _alert_level(spend: Decimal, limit: Decimal | None, threshold: Decimal, reference: Reference) -> str:
    if limit == 0 and spend > 0:
        return "exceeded"
    utilization = ratio(spend, limit, times=100)
    if utilization is None:
        return "ok"
    if utilization >= reference.number("budget_exceeded_percentage"):
        return "exceeded"
    if utilization >= reference.number("budget_critical_percentage"):
        return "critical"
    return "warning" if utilization >= threshold else "ok"


# Exports


def _dashboard_exports(facts: Facts) -> Iterator[Row]:
    dashboard = [_export_of_dashboard(row) for row in facts.source.rows["dashboard_exports"]]
    history = [_export_of_history(row) for row in facts.source.rows["export_history"]]
    twins = _recorded_twice(dashboard, history, facts.reference.seconds("export_match_tolerance_seconds"))
    for export in dashboard + [row for row in history if row["id"] not in twins]:
        expires_at = export["expires_at"]
        yield export | {
            "created_at": export["created_at"] or 0,
            "is_expired": expires_at is not None and expires_at <= facts.now,
        }


def _export_of_dashboard(row: Row) -> Row:
    return row | {
        "export_type": "lead_export" if row["export_type"] in EXPORT_FORMATS else row["export_type"],
        "file_format": EXPORT_FORMATS.get(row["file_format"], row["file_format"]),
        "source_table": "dashboard_exports",
    }


def _export_of_history(row: Row) -> Row:
    size = row["file_size_bytes"]
    return {
        "id": row["id"],
        "user_id": row["user_id"],
        "campaign_id": row["campaign_id"],
        "campaign_ids": None if row["campaign_id"] is None else [row["campaign_id"]],
        "export_type": "lead_export",
        "file_format": EXPORT_FORMATS.get(row["format"], row["format"]),
        "row_count": row["leads_count"],
        "file_size_mb": ratio(size, BYTES_PER_MEGABYTE),
        "export_status": "completed",
        "expires_at": row["expires_at"],
        "start_date": None,
        "end_date": None,
        "created_at": row["created_at"],
        "completed_at": row["created_at"],
        "source_table": "export_history",
    }


def _recorded_twice(dashboard: list[Row], history: list[Row], tolerance: int) -> set[str]:
    """Ids of the export_history rows whose export dashboard_exports has as well."""

    def likeness(export: Row) -> tuple[Any, ...]:
        return export["user_id"], export["campaign_id"], export["file_format"], export["row_count"]

    def in_time_order(exports: list[Row]) -> list[Row]:
        return sorted(exports, key=lambda export: (export["created_at"] or 0, export["id"]))

    same_ids = {export["id"] for export in history} & {export["id"] for export in dashboard}
    waiting = _grouped([export for export in history if export["id"] not in same_ids], likeness)
    others = _grouped([export for export in dashboard if export["id"] not in same_ids], likeness)
    twins = set(same_ids)
    for like, group in others.items():
        free = deque(in_time_order(waiting.get(like, [])))
        for export in in_time_order(group):
            at = export["created_at"] or 0
            while free and (free[0]["created_at"] or 0) < at - tolerance:
                free.popleft()
            if free and (free[0]["created_at"] or 0) <= at + tolerance:
                twins.add(free.popleft()["id"])
    return twins
