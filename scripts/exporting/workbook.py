"""Excel workbooks: typed cells, and as many sheets as it takes."""

from __future__ import annotations

import importlib.util
import math
import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from errors import UserFacingError
from psycopg2.extensions import Column

from exporting.cells import flat, is_formula

ROWS_PER_SHEET = 1_048_576
LONGEST_TEXT = 32_767
FIRST_YEAR = 1900  # Excel has no dates before


class WorkbookWriter:
    is_binary = True

    def __init__(self, file: BinaryIO, columns: Sequence[Column], title: str):
        import xlsxwriter

        self.columns, self.title, self.notes = columns, title, []
        self.folder = tempfile.TemporaryDirectory()
        # Nothing is guessed from a text: it is neither a formula nor a link nor a number.
        self.book = xlsxwriter.Workbook(
            file,
            {
                "constant_memory": True,
                "tmpdir": self.folder.name,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        self.book.use_zip64()
        self.bold = self.book.add_format({"bold": True})
        self.day = self.book.add_format({"num_format": "yyyy-mm-dd"})
        self.time = self.book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        # What the apostrophe is to a typist: the text stays one when the cell is edited.
        self.as_text = self.book.add_format({"quote_prefix": True})
        self.cut = 0

    @staticmethod
    def check_installed() -> None:
        if importlib.util.find_spec("xlsxwriter") is None:
            raise UserFacingError("xlsx needs XlsxWriter: run scripts/setup --dashboards.")

    def write_all(self, rows: Iterable[tuple]) -> int:
        """Write all rows, with a header on each sheet; returns how many."""
        number = 0
        self._begin_sheet()
        try:
            for row in rows:
                if self.row == ROWS_PER_SHEET:
                    self._begin_sheet()
                for position, value in enumerate(row):
                    if value is not None:
                        self._write(position, flat(value))
                self.row += 1
                number += 1
            self._close()
        finally:
            self.folder.cleanup()
        if self.cut:
            self.notes.append(f"{self.cut:,} texts were cut at {LONGEST_TEXT:,} characters, Excel's limit.")
        return number

    def _close(self) -> None:
        from xlsxwriter.exceptions import FileCreateError

        try:
            self.book.close()
        except FileCreateError as error:
            # The file that it leaves open fails once more when Python takes it away, and Python would print that.
            sys.unraisablehook = lambda unraisable: None
            raise error.args[0] from None

    def _begin_sheet(self) -> None:
        number = len(self.book.worksheets()) + 1
        self.sheet = self.book.add_worksheet(self.title if number == 1 else f"{self.title} {number}")
        self.sheet.freeze_panes(1, 0)
        for position, column in enumerate(self.columns):
            self.sheet.set_column(position, position, max(12, len(column.name) + 2))
            self.sheet.write_string(0, position, column.name, self.bold)
        self.row = 1

    def _write(self, position: int, value: Any) -> None:
        if isinstance(value, bool):
            self.sheet.write_boolean(self.row, position, value)
        elif isinstance(value, (int, float, Decimal)) and math.isfinite(value):
            self.sheet.write_number(self.row, position, value)
        elif isinstance(value, date) and value.year >= FIRST_YEAR:
            self.sheet.write_datetime(self.row, position, value, self.time if isinstance(value, datetime) else self.day)
        else:
            text = str(value)
            self.cut += len(text) > LONGEST_TEXT
            style = self.as_text if is_formula(text) else None
            self.sheet.write_string(self.row, position, text[:LONGEST_TEXT], style)
