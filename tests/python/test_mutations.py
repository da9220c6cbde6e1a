"""The mutations fit the project as it is. What they turn red, scripts/check_mutations tells."""

from __future__ import annotations

from dataclasses import replace

import check_mutations
import pytest
from errors import UserFacingError
from mutations.mutation import PLACES, read_mutations

MUTATIONS = read_mutations()  # which refuses one whose text is not in its file exactly once


def test_there_are_twenty_of_every_kind() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) == 20
    assert {mutation.where for mutation in MUTATIONS} == set(PLACES)
    assert [mutation.name for mutation in MUTATIONS if mutation.text == mutation.replacement] == []


@pytest.mark.parametrize("text", ["no such text", "issue"])
def test_what_does_not_fit_is_told(text: str) -> None:
    mutation = replace(MUTATIONS[0], file="models/marts/data_quality_issues.sql", text=text)
    with pytest.raises(UserFacingError, match=f"{mutation.name}: its text is in {mutation.file} \\d+ times"):
        mutation.applied()


def test_they_are_listed(capsys: pytest.CaptureFixture) -> None:
    assert check_mutations.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{mutation.name} ({mutation.where}): {mutation.breaks}" for mutation in MUTATIONS]


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture) -> None:
    assert check_mutations.main(["--only", "no_such_mutation"]) == 2
    assert "no_such_mutation" in capsys.readouterr().err
