"""One class for each format. Each writes rows to a binary file as they come, and keeps few of them in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from psycopg2.extensions import Column

from exporting.cells import csv_cell
from exporting.parquet import ParquetWriter
from exporting.workbook import WorkbookWriter


class CsvWriter:
    is_binary = False

    def __init__(self, file: BinaryIO, columns: Sequence[Column], title: str):
        self.file, self.columns, self.notes = file, columns, []

    @staticmethod
    def check_installed() -> None:
        pass

    def write_all(self, rows: Iterable[tuple]) -> int:
        """Write a header and all rows; returns how many."""
        # The byte order mark: without it Excel reads another encoding than UTF-8.
        text = io.TextIOWrapper(self.file, encoding="utf-8-sig", newline="", write_through=False)
        number = 0
        try:
            writer = csv.writer(text)
            writer.writerow([column.name for column in self.columns])
            for row in rows:
                writer.writerow([csv_cell(value) for value in row])
                number += 1
            text.flush()
        finally:
            text.detach()
        return number


class JsonWriter(CsvWriter):
    def write_all(self, rows: Iterable[tuple]) -> int:
        """Write an array of the rows, which are texts of objects; returns how many."""
        number = 0
        self.file.write(b"[")
        for (row,) in rows:
            self.file.write(b",\n" if number else b"\n")
            self.file.write(row.encode())
            number += 1
        self.file.write(b"\n]\n")
        return number


FORMATS = {"csv": CsvWriter, "parquet": ParquetWriter, "xlsx": WorkbookWriter, "json": JsonWriter}
