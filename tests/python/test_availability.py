"""Readers notice nothing of a build: the short form of scripts/check_availability, and that it can tell."""

from __future__ import annotations

import check_availability
import pytest
from conftest import spare_parsing

SHORT = ["--builds=1", "--full-refreshes=0", "--kills=2", "--hold=5", "--load=5", "--without-tests", "--readers=1"]


@pytest.fixture(autouse=True)
def parsed_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's copies of the project are read as the project has been read for other tests."""

    class Project(check_availability.Project):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)
            spare_parsing(self.folder / "target", self.server.environment(self.database))

    monkeypatch.setattr(check_availability, "Project", Project)


def test_readers_notice_nothing(capsys: pytest.CaptureFixture) -> None:
    status = check_availability.main(SHORT)
    printed = capsys.readouterr()
    assert status == 0, printed.out + printed.err
    assert len(_rows(printed.out)) == 8
    for row in _rows(printed.out):
        assert int(row["queries"].replace(",", "")) > 50, row
        noticed = row["failed"], row["a mart missing"], row["deadlocks"], row["analyst's view"]
        assert noticed == ("0", "0.0 s", "0", "answers"), row


def test_the_program_sees_what_stock_dbt_does(capsys: pytest.CaptureFixture) -> None:
    assert check_availability.main([*SHORT, "--stock", "--only=build"]) == 0
    ours, stock = _rows(capsys.readouterr().out)
    assert (ours["built by"], stock["built by"]) == ("this project", "stock dbt")
    assert stock["failed"] != "0" and stock["a mart missing"] != "0.0 s"


def _rows(table: str) -> list[dict[str, str]]:
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return [dict(zip(lines[0], cells, strict=True)) for cells in lines[2:]]
