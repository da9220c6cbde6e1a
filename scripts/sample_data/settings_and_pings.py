"""Rows of `user_settings` and of the recorded pings in `service_health_metrics`."""

import json

import numpy as np
import polars as pl

from .api_calls import ERRORS
from .campaigns import PERIOD
from .defects import Defects
from .reference import SERVICES, service_spellings
from .values import DAY, HOUR, MINUTE, USD, choose, null_where, pick, take, times, uuids, whole

USER_WITHOUT_SETTINGS = 1
# (daily, monthly, alert threshold in percent); None: not set
_BUDGETS = ((5, 30, 80), (20, 100, 80), (20, 100, 80), (50, 1000, 70), (0, 0, 80), (None, None, None), (200, 3000, 90))
_MALFORMED_NOTIFICATIONS = ('["email"]', '{"budget_alert_threshold": "eighty"}')


def settings_rows(user_ids: pl.Series, activity: pl.DataFrame, until: int, defects: Defects) -> pl.DataFrame:
    """Settings of every user but one. `activity`: campaigns, leads and lead_cost by user_id."""
    known = {row["user_id"]: row for row in activity.iter_rows(named=True)}
    rows = []
    for number, user_id in enumerate(user_ids):
        if number == USER_WITHOUT_SETTINGS:
            continue
        daily, monthly, alert = _BUDGETS[number % len(_BUDGETS)]
        did = known.get(user_id, {"campaigns": 0, "leads": 0, "lead_cost": 0})
        notifications = {"email": True} if alert is None else {"email": True, "budget_alert_threshold": alert}
        rows.append(
            {
                "user_id": user_id,
                "daily_budget_limit": daily,
                "monthly_budget_limit": monthly,
                "per_lead_cost_limit": 2,
                "api_keys": json.dumps({service: f"fake-secret-{service}-{number}" for service in SERVICES}),
                "preferences": '{"theme": "dark"}',
                "notification_settings": json.dumps(notifications),
                "total_campaigns": did["campaigns"],
                "total_leads_generated": did["leads"],
                "total_cost_spent": did["lead_cost"] / USD,
            }
        )
    for row, notifications in zip(rows[2:], _MALFORMED_NOTIFICATIONS, strict=False):
        row["notification_settings"] = notifications
        defects.add("malformed_json_field", "user_settings", [row["user_id"]])
    created = times(np.full(len(rows), until - PERIOD - 30 * DAY))
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(created_at=created, updated_at=created)


def ping_rows(rng: np.random.Generator, until: int) -> pl.DataFrame:
    """One or two pings per service and hour, day and night, so also for hours in which no call was made."""
    hours = np.arange((until - PERIOD) // HOUR, until // HOUR)
    per_hour = 1 + (rng.random(len(hours) * len(SERVICES)) < 0.1)
    hour = np.repeat(np.tile(hours, len(SERVICES)), per_hour)
    service = np.repeat(np.repeat(np.arange(len(SERVICES)), len(hours)), per_hour)
    count = len(hour)
    known = service_spellings()
    at = hour * HOUR + rng.integers(0, 58 * MINUTE, count)
    state = pick(rng, 3, count, (95, 4, 1))
    error_rate = np.select([state == 0, state == 1], [rng.uniform(0, 0.04, count), rng.uniform(0.06, 0.2, count)], 0.9)
    spelling = np.where(rng.random(count) < 0.8, 0, 1)
    names = [known[name][position] for name in SERVICES for position in (0, 1)]
    return pl.DataFrame(
        {
            "id": uuids(rng, count),
            "service_name": take(names, service * 2 + spelling),
            "status": take(("healthy", "degraded", "down"), state),
            "response_time_ms": whole(rng.lognormal(6, 0.4, count), state == 2),
            "error_rate": error_rate.round(4),
            "rate_limit_remaining": rng.integers(0, 5000, count),
            "cost_budget_remaining": null_where(
                rng.random(count) < 0.5, pl.Series(rng.uniform(0, 100, count).round(2))
            ),
            "requests_today": rng.integers(0, 500, count),
            "cost_today": rng.uniform(0, 20, count).round(2),
            "last_successful_call": times(at - rng.integers(0, 5 * MINUTE, count), state == 2),
            "last_error": null_where(state == 0, choose(rng, [message for *_, message in ERRORS], count)),
            "timestamp": times(at),
        }
    ).sort("timestamp")
