"""The register of planted defects, and edits of single cells that plant them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from .values import DAY

FUTURE = 3650 * DAY  # how far ahead a planted wrong clock is


class Defects:
    """For each issue type, the (source table, record id) pairs that hold it."""

    def __init__(self) -> None:
        self._records: dict[str, set[tuple[str, str]]] = defaultdict(set)

    def add(self, issue_type: str, table: str, record_ids: Iterable[str]) -> None:
        """Note that these records of the table hold this defect."""
        self._records[issue_type].update((table, record_id) for record_id in record_ids)

    def merge(self, other: "Defects") -> None:
        """Take over the records of another register."""
        for issue_type, records in other._records.items():
            self._records[issue_type] |= records

    def as_truth(self) -> dict[str, list[list[str]]]:
        """Sorted [source table, record id] pairs by issue type."""
        return {issue_type: sorted(map(list, records)) for issue_type, records in sorted(self._records.items())}


def overwrite(frame: pl.DataFrame, column: str, rows: np.ndarray, values: Sequence | pl.Series) -> pl.DataFrame:
    """The frame with the column's cells in `rows` replaced by the values, taken in turn."""
    if not len(rows):
        return frame
    series = frame[column]
    order = np.argsort(rows)  # scatter wants ascending rows
    turns = pl.Series([values[position % len(values)] for position in order.tolist()]).cast(series.dtype)
    return frame.with_columns(series.scatter(rows[order], turns).alias(column))


class Draw:
    """Draws disjoint sets of rows, so that no record is spoilt twice by chance."""

    def __init__(self, rng: np.random.Generator, eligible: np.ndarray) -> None:
        """`eligible`: a mask over the rows."""
        self._rows = rng.permutation(np.flatnonzero(eligible))

    def take(self, count: int) -> np.ndarray:
        """The next `count` rows, or as many as are left."""
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken
