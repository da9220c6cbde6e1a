"""The boards as files: what they are said to read, and how they get to where a web server reads them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml
from boards.publishing import publish
from boards.reader import Reader
from boards.workplace import board_files
from conftest import REPOSITORY
from disks import small_disk
from errors import UserFacingError
from files import write_whole

import dashboards

BOARDS = [path.stem for path in board_files()]


@pytest.mark.parametrize("board", BOARDS)
def test_exposure_names_what_the_board_reads(board: str) -> None:
    listed = yaml.safe_load((REPOSITORY / "models/exposures.yml").read_text(encoding="utf-8"))["exposures"]
    exposure = {entry["name"]: entry for entry in listed}[board]
    reads = re.findall(r"ref\('\w+'\)", (REPOSITORY / f"dashboards/charts/{board}.yml").read_text(encoding="utf-8"))
    assert set(exposure["depends_on"]) == set(reads)
    assert exposure["owner"]["name"]
    assert sorted(entry["name"] for entry in listed) == sorted(BOARDS)


def test_published_folder_is_replaced_in_one_step(tmp_path: Path) -> None:
    folder = tmp_path / "boards"
    publish(folder, lambda made: (made / "page").write_text("old"))
    before = folder.resolve()
    publish(folder, lambda made: (made / "page").write_text("new"))
    assert (folder / "page").read_text() == "new"
    assert (before / "page").read_text() == "old", "somebody may be reading it"
    os.utime(before, (0, 0))
    publish(folder, lambda made: (made / "page").write_text("newest"))
    assert not before.exists()


def test_published_folder_stays_when_writing_fails(tmp_path: Path) -> None:
    folder = tmp_path / "boards"
    publish(folder, lambda made: (made / "page").write_text("old"))

    def fail(made: Path) -> None:
        (made / "page").write_text("half")
        raise UserFacingError("no")

    with pytest.raises(UserFacingError, match="no"):
        publish(folder, fail)
    assert (folder / "page").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_is_one_line_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def draw(output: Path, reader: Reader) -> None:
        write_whole(output / "page", "x" * 100_000)

    monkeypatch.setattr(dashboards, "find_reader", lambda environment: Reader({}, "", None))
    monkeypatch.setattr(dashboards, "render", draw)
    with small_disk(tmp_path / "disk", size="256k") as disk:
        assert dashboards.main(["publish", str(disk / "boards")]) == 0
        assert dashboards.main(["publish", str(disk / "boards")]) == 0  # what was published before is kept for a while
        before = sorted(disk.rglob("*"))
        capsys.readouterr()
        assert dashboards.main(["publish", str(disk / "boards")]) == 1
        said = capsys.readouterr()
        assert said.out == "" and re.fullmatch(r"Error: \S+/page: No space left on device\n", said.err)
        assert sorted(disk.rglob("*")) == before
        assert len((disk / "boards" / "page").read_bytes()) == 100_000


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="64k") as disk:
        write_whole(disk / "page", "old")
        with pytest.raises(OSError, match="No space left"):
            write_whole(disk / "page", "new" * 100_000)
        assert [(path.name, path.read_text()) for path in disk.iterdir()] == [("page", "old")]


def test_publishing_never_replaces_somebody_elses_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserFacingError, match="not made by this command"):
        publish(tmp_path / "mine", lambda made: None)
    with pytest.raises(UserFacingError, match="There is no folder"):
        publish(tmp_path / "not" / "there", lambda made: None)
