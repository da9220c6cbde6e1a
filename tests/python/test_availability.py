"""Readers notice nothing of a build: the short form of scripts/check_availability, and that it can tell."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

import check_availability
import pytest
from conftest import spare_parsing

SHORT = ["--builds=1", "--full-refreshes=0", "--kills=2", "--hold=5", "--load=5", "--load-readers=10"]
SHORT += ["--without-tests", "--readers=1"]


@pytest.fixture(scope="module")
def measured() -> tuple[int, str, str]:
    """What the program returns and prints, of all cases, and of one with stock dbt."""
    printed, complaints = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(complaints):
        patch.setattr(check_availability, "Project", _parsed_already())
        status = check_availability.main([*SHORT, "--stock=build"])
    return status, printed.getvalue(), complaints.getvalue()


def _parsed_already() -> type:
    """The program's copies of the project are read as the project has been read for other tests."""

    class Project(check_availability.Project):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            spare_parsing(self.folder / "target", self.server.environment(self.database))

    return Project


def test_readers_notice_nothing(measured: tuple[int, str, str]) -> None:
    status, printed, complaints = measured
    assert status == 0, printed + complaints
    rows = [row for row in _rows(printed) if row["built by"] == "this project"]
    assert len(rows) == 8
    for row in rows:
        assert int(row["queries"].replace(",", "")) > 50, row
        noticed = row["failed"], row["a mart missing"], row["deadlocks"], row["analyst's view"]
        assert noticed == ("0", "0.0 s", "0", "answers"), row


def test_the_program_sees_what_stock_dbt_does(measured: tuple[int, str, str]) -> None:
    (stock,) = [row for row in _rows(measured[1]) if row["built by"] == "stock dbt"]
    assert stock["failed"] != "0" and stock["a mart missing"] != "0.0 s"


def _rows(table: str) -> list[dict[str, str]]:
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return [dict(zip(lines[0], cells, strict=True)) for cells in lines[2:]]
