"""Files that data are made from: their content counts, and is read again only where size or time differ."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lth_core.storage import contents
from lth_core.storage.contents import contents_digest

LONG_AGO = 10**18


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(contents, "_known", {})
    for name in ("one", "two", "folder/three"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read from here on."""
    names: list[str] = []

    def noting(path: str, *arguments: Any) -> Any:
        names.append(Path(path).name)
        return open(path, *arguments)

    monkeypatch.setattr(contents, "open", noting, raising=False)
    return names


def digest(folder: Path) -> str:
    return contents_digest(str(folder), ["one", "two", "folder/three", "folder", "missing"])


def test_a_file_changed_in_place_is_noticed_by_its_content_and_a_new_date_is_nothing(files: Path) -> None:
    before = digest(files)
    os.utime(files / "one", ns=(LONG_AGO, LONG_AGO))
    assert digest(files) == before
    (files / "one").write_text("ONE")  # as many bytes
    assert digest(files) != before
    (files / "one").write_text("one")
    assert digest(files) == before


def test_a_copy_elsewhere_has_the_same_digest(files: Path, tmp_path: Path) -> None:
    before = digest(files)
    copy = tmp_path / "copy"
    for name in ("one", "two", "folder/three"):
        (copy / name).parent.mkdir(exist_ok=True, parents=True)
        (copy / name).write_text(name)
    assert digest(copy) == before


@pytest.mark.parametrize("name", ["one", "folder/three"])
def test_files_that_are_removed_or_renamed_are_noticed(name: str, files: Path) -> None:
    before = digest(files)
    (files / name).rename(files / "other")
    assert digest(files) != before


def test_only_files_of_another_size_or_time_are_read_again(
    files: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "YOUNG", 0)
    digest(files)
    assert {"one", "two", "three"} <= set(opened)
    opened.clear()
    digest(files)
    assert not {"one", "two", "three"} & set(opened)
    (files / "two").write_text("changed")
    digest(files)
    assert set(opened) - {"folder", "missing"} == {"two"}


def test_a_file_that_was_just_written_is_read_again_because_the_clock_may_not_show_a_change(
    files: Path, opened: list[str]
) -> None:
    digest(files)
    opened.clear()
    digest(files)
    assert {"one", "two", "three"} <= set(opened)
