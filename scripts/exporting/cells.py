"""Values as a spreadsheet should have them."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

# Excel, LibreOffice and Google Sheets take a text for a formula that begins with one of these; the last four are the
# wide forms of the first, which some versions take as well.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def is_formula(text: str) -> bool:
    return text.startswith(FORMULA_STARTS)


def flat(value: Any) -> Any:
    """Lists as a text with semicolons, times as UTC without a zone; all else as it is."""
    if isinstance(value, list):
        return "; ".join(item or "" for item in value)
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(timezone.utc).replace(tzinfo=None)
    return value


def csv_cell(value: Any) -> str:
    """The text of a value in a CSV file. Only texts are changed where they look like formulas: numbers stay numbers."""
    value = flat(value)
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if is_formula(value) else value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, Decimal):
        return format(value, "f")  # never 0E-6
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S") if value.year >= 1000 else value.isoformat(" ", "seconds")
    return str(value)
