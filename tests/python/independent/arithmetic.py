"""Exact sums, ratios and percentiles in Decimal; None is SQL's NULL."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

Number = int | Decimal


def ratio(numerator: Number | None, denominator: Number | None, times: int = 1) -> Decimal | None:
    """numerator / denominator * times; None where either is None or the denominator is 0."""
    if numerator is None or not denominator:
        return None
    return Decimal(numerator) * times / Decimal(denominator)


def total(values: Iterable[Number | None]) -> Decimal:
    """The sum of what is known; 0 of nothing."""
    return sum((value for value in values if value is not None), Decimal(0))


def known_total(values: Iterable[Number | None]) -> Decimal | None:
    """The sum of what is known; None of nothing."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known else None


def weighted_mean(pairs: Iterable[tuple[Number | None, int]]) -> Decimal | None:
    """The mean of (value, weight) pairs over known values; None without weight."""
    known = [(value, weight) for value, weight in pairs if value is not None]
    return ratio(sum(value * weight for value, weight in known), sum(weight for _, weight in known))


def percentile(values: list[int], fraction: Decimal) -> Decimal | None:
    """The percentile by linear interpolation between the two nearest ranks; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    rank = fraction * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def rounded(value: Number | None, decimals: int) -> Decimal | None:
    """Rounded half away from zero, as Postgres rounds numeric."""
    return None if value is None else Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def return_on_investment(qualified: int, value_of_lead: Decimal, cost: Decimal) -> Decimal | None:
    """(qualified leads * their value - cost) / cost * 100; None without cost."""
    return ratio(qualified * value_of_lead - cost, cost, times=100)
