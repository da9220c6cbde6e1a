"""Random column values, and conversions of arrays to the columns that COPY writes.

Units used in the whole package: time is microseconds since 1970-01-01 UTC (`int64`), money is
ten-thousandths of a USD (`int`), so that sums are exact.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
USD = 10_000

_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint8).reshape(256, 2)
_HEX_POSITIONS = [position for position in range(36) if position not in (8, 13, 18, 23)]


def uuids(rng: np.random.Generator, count: int) -> pl.Series:
    """`count` version 4 UUIDs as text."""
    raw = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    text = np.full((count, 36), ord("-"), np.uint8)
    text[:, _HEX_POSITIONS] = _HEX[raw].reshape(count, 32)
    return pl.Series(text, dtype=pl.Array(pl.UInt8, 36)).cast(pl.List(pl.UInt8)).cast(pl.Binary).cast(pl.String)


def take(values: pl.Series | Sequence[str | None], codes) -> pl.Series:
    """`values[code]` for each code; NULL where the code is negative."""
    table = values if isinstance(values, pl.Series) else pl.Series(list(values), dtype=pl.String)
    codes = np.asarray(codes)
    with_null = pl.concat([table, pl.Series([None], dtype=table.dtype)])
    return with_null.gather(np.where(codes < 0, len(table), codes))


def choose(rng: np.random.Generator, values, count: int, weights=None) -> pl.Series:
    """`count` random picks out of `values` (None stays NULL)."""
    return take(values, pick(rng, len(values), count, weights))


def pick(rng: np.random.Generator, options: int, count: int, weights=None) -> np.ndarray:
    """`count` random codes below `options`; the weights need not sum to 1."""
    if weights is None:
        return rng.integers(0, options, count)
    limits = np.cumsum(weights, dtype=float)
    return np.searchsorted(limits / limits[-1], rng.random(count), side="right").clip(max=options - 1)


def null_where(mask, column: pl.Series) -> pl.Series:
    """`column` with NULL where the mask holds."""
    return pl.select(pl.when(~pl.Series(np.asarray(mask))).then(column)).to_series()


def times(microseconds, unknown=None) -> pl.Series:
    """Timestamps (UTC); NULL where the mask `unknown` holds."""
    column = pl.Series(np.asarray(microseconds, dtype=np.int64)).cast(pl.Datetime("us"))
    return column if unknown is None else null_where(unknown, column)


def dates(microseconds) -> pl.Series:
    """The UTC dates of the times."""
    return times(microseconds).dt.date()


def usd(units, unknown=None) -> pl.Series:
    """Money of ten-thousandths as USD; NULL where the mask `unknown` holds."""
    column = pl.Series(np.asarray(units, dtype=np.int64) / USD)
    return column if unknown is None else null_where(unknown, column)


def whole(numbers, unknown=None) -> pl.Series:
    """Integers; NULL where the mask `unknown` holds."""
    column = pl.Series(np.asarray(numbers, dtype=np.int64))
    return column if unknown is None else null_where(unknown, column)


def quota(total: int, chunk: int, chunks: int) -> int:
    """How many of `total` fall to this chunk when they are spread evenly."""
    return total * (chunk + 1) // chunks - total * chunk // chunks


def running_count(groups: np.ndarray) -> np.ndarray:
    """For rows whose equal groups are adjacent: the position (0, 1, …) of each row in its group."""
    starts = np.flatnonzero(np.diff(groups, prepend=groups[:1] - 1)) if len(groups) else np.zeros(0, np.int64)
    lengths = np.diff(np.append(starts, len(groups)))
    return np.arange(len(groups)) - np.repeat(starts, lengths)
