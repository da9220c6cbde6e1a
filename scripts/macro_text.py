"""SQL and words that dbt's macros and the scripts share, rendered without dbt."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

MACROS = Path(__file__).resolve().parent.parent / "macros"


@cache
def render(file: str, macro: str, *arguments: object) -> str:
    """The text of a macro of this file of macros/, which may call none of dbt's."""
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    source = (MACROS / file).read_text(encoding="utf-8")
    return getattr(environment.from_string(source).module, macro)(*arguments).strip()
