"""Parquet files, with the types of the marts' contract."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, BinaryIO

from errors import UserFacingError
from psycopg2.extensions import Column

ROWS_PER_GROUP = 20_000
# PostgreSQL's numbers of types, as in pg_type. What is not here is written as text.
BOOLEAN, BIGINT, INTEGER, DATE, TIMESTAMPTZ, NUMERIC, TEXTS, UUIDS = 16, 20, 23, 1082, 1184, 1700, 1009, 2951


class ParquetWriter:
    is_binary = True

    def __init__(self, file: BinaryIO, columns: Sequence[Column], title: str):
        import pyarrow

        self.file, self.notes = file, []
        self.schema = pyarrow.schema([(column.name, _type(column)) for column in columns])

    @staticmethod
    def check_installed() -> None:
        if importlib.util.find_spec("pyarrow") is None:
            raise UserFacingError("parquet needs pyarrow: run scripts/setup --dashboards.")

    def write_all(self, rows: Iterable[tuple]) -> int:
        """Write all rows, a group at a time; returns how many."""
        import pyarrow
        from pyarrow import parquet

        number, rows = 0, iter(rows)
        with parquet.ParquetWriter(self.file, self.schema) as writer:
            while group := list(islice(rows, ROWS_PER_GROUP)):
                values = [
                    pyarrow.array(column, type=field.type)
                    for column, field in zip(zip(*group, strict=True), self.schema, strict=True)
                ]
                writer.write_batch(pyarrow.record_batch(values, schema=self.schema))
                number += len(group)
        return number


def _type(column: Column) -> Any:
    import pyarrow

    if column.type_code == NUMERIC and column.precision and column.precision <= 38:
        return pyarrow.decimal128(column.precision, column.scale)
    return {
        BOOLEAN: pyarrow.bool_(),
        BIGINT: pyarrow.int64(),
        INTEGER: pyarrow.int32(),
        NUMERIC: pyarrow.decimal128(38, 10),
        DATE: pyarrow.date32(),
        TIMESTAMPTZ: pyarrow.timestamp("us", tz="UTC"),
        TEXTS: pyarrow.list_(pyarrow.string()),
        UUIDS: pyarrow.list_(pyarrow.string()),
    }.get(column.type_code, pyarrow.string())
