"""The project's reference data (`seeds/`) and variables (`dbt_project.yml`)."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from .source import EPOCH, microseconds

PROJECT_DIRECTORY = Path(__file__).resolve().parents[3]
_QUARTER_HOUR = 15 * 60 * 1_000_000
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
HOUR = 3600 * 1_000_000
"""One hour in microseconds."""


@dataclass(frozen=True)
class LocalHour:
    """The hour of one moment in the reporting time zone."""

    date: date
    hour: int
    start: int
    """Microseconds since 1970-01-01 UTC."""


class Clock:
    """Turns moments (microseconds since 1970) into the dates and hours of one time zone."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._known: dict[int, LocalHour] = {}

    def hour_of(self, at: int) -> LocalHour:
        # No zone's offset changes within a quarter of an hour, so one look-up serves all moments of it.
        quarter = at // _QUARTER_HOUR
        if quarter not in self._known:
            self._known[quarter] = self._look_up(EPOCH + timedelta(microseconds=at))
        return self._known[quarter]

    def _look_up(self, moment: datetime) -> LocalHour:
        local = moment.astimezone(self._zone)
        # fold=1: an hour that the clocks repeat starts when standard time does, as Postgres reads it.
        start = local.replace(minute=0, second=0, microsecond=0, fold=1).astimezone(timezone.utc)
        return LocalHour(local.date(), local.hour, microseconds(start))

    def date_of(self, at: int) -> date:
        return self.hour_of(at).date


class Reference:
    """Prices, aliases, grades and variables."""

    def __init__(self, project: Path = PROJECT_DIRECTORY) -> None:
        self.variables: dict[str, Any] = yaml.safe_load((project / "dbt_project.yml").read_text())["vars"]
        self.clock = Clock(self.variables["reporting_timezone"])
        seeds = project / "seeds"
        self._services = {row["alias"]: row["api_service"] for row in _read_csv(seeds / "service_aliases.csv")}
        self._endpoints = {
            (row["api_service"], row["alias"]): row["endpoint"] for row in _read_csv(seeds / "endpoint_aliases.csv")
        }
        self._prices = sorted(
            (
                date.fromisoformat(row["valid_from"]),
                row["api_service"],
                row["endpoint"],
                Decimal(row["list_price_usd"]),
                row["unit"],
            )
            for row in _read_csv(seeds / "api_prices.csv")
        )
        self._repeating = {
            (row["source_table"], row["endpoint"]) for row in _read_csv(seeds / "repeating_endpoints.csv")
        }
        self._grades = sorted(
            ((int(row["min_score"]), row["grade"]) for row in _read_csv(seeds / "lead_grades.csv")), reverse=True
        )
        self._ratings = sorted(
            (Decimal(row["min_cost_usd"]), row["efficiency_rating"])
            for row in _read_csv(seeds / "efficiency_ratings.csv")
        )
        self.campaign_statuses = {
            row["source_status"]: row["status"] for row in _read_csv(seeds / "campaign_statuses.csv")
        }
        self.monthly_budgets = {
            row["api_service"]: Decimal(row["monthly_budget_usd"])
            for row in _read_csv(seeds / "api_services.csv")
            if row["monthly_budget_usd"]
        }

    def number(self, variable: str) -> Decimal:
        return Decimal(str(self.variables[variable]))

    def seconds(self, variable: str) -> int:
        """A variable in seconds, as microseconds."""
        return int(self.number(variable) * 1_000_000)

    def knows_service(self, spelling: str | None) -> bool:
        return _squeeze(spelling or "") in self._services

    def canonical_service(self, spelling: str | None) -> str:
        squeezed = _squeeze(spelling or "")
        if not squeezed:
            return "unknown"
        return self._services.get(squeezed) or _tidy(spelling)

    def canonical_endpoint(self, service: str, spelling: str | None) -> str | None:
        path = (spelling or "").partition("?")[0].strip()
        if not _squeeze(path):
            return None
        name = _name_of_endpoint(path)
        for candidate in (path, *name):
            known = self._endpoints.get((service, _squeeze(candidate)))
            if known:
                return known
        return _snake(name[-1]) or _snake(path) or None

    def knows_endpoint(self, service: str, endpoint: str) -> bool:
        listed = {(of_service, name) for (of_service, _), name in self._endpoints.items()}
        return (service, endpoint) in listed | {(price[1], price[2]) for price in self._prices}

    def is_repeating(self, source_table: str, endpoint: str | None) -> bool:
        return (source_table, endpoint) in self._repeating

    def list_price(self, service: str, endpoint: str | None, on: date) -> tuple[Decimal | None, bool]:
        """USD per request, or per credit (then true), valid on a day; None where the list has no price."""
        price, is_per_credit = None, False
        for valid_from, priced_service, priced_endpoint, amount, unit in self._prices:
            if (priced_service, priced_endpoint) == (service, endpoint) and valid_from <= on:
                price, is_per_credit = amount, unit == "credit"
        return price, is_per_credit

    def grade(self, score: int | None) -> str | None:
        if score is None:
            return None
        return next((grade for min_score, grade in self._grades if score >= min_score), None)

    def efficiency_rating(self, cost: Decimal | None) -> str | None:
        """The rating of a cost per qualified lead; below the cheapest bound the best rating holds too."""
        if cost is None:
            return None
        rating = self._ratings[0][1]
        for min_cost, name in self._ratings:
            if cost >= min_cost:
                rating = name
        return rating


def _squeeze(spelling: str) -> str:
    return re.sub(r"[ .:_/-]", "", spelling.lower())


def _tidy(spelling: str) -> str:
    return re.sub(r"[ ./-]", "_", spelling.lower())


def _name_of_endpoint(path: str) -> tuple[str, str]:
    """An endpoint's path without verb, host, version, format and a row's key; and the last part of it."""
    words = path.split()
    if len(words) > 1 and words[0].upper() in VERBS:
        path = path[path.index(words[0]) + len(words[0]) :].strip()
    if "://" in path:
        path = path.split("://", 1)[1].partition("/")[2]
    elif re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}(:\d+)?", path.partition("/")[0]) and "/" in path:
        path = path.partition("/")[2]
    parts = [part for part in path.split("/") if part]
    while len(parts) > 1 and re.fullmatch(r"\d+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", parts[-1]):
        parts.pop()
    for position, part in enumerate(parts[:-1]):
        if re.fullmatch(r"v\d+(\.\d+)*(alpha|beta)?\d*", part, re.IGNORECASE):
            before = parts[:position]
            parts = (before[:-1] if before and before[-1].lower() == "api" else before) + parts[position + 1 :]
            break
    if len(parts) > 1 and parts[-1].lower() in ("json", "xml"):
        parts.pop()
    elif parts:
        parts[-1] = re.sub(r"\.(json|xml)$", "", parts[-1], flags=re.IGNORECASE)
    whole = "/".join(parts)
    return whole, re.split("[/:]", whole)[-1]


def _snake(name: str) -> str:
    """camelCase and separators as one underscore."""
    return re.sub(r"[\s._-]+", "_", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()).strip("_")


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
