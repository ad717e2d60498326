"""Sockets lie where paths are short, whatever the folder of temporary files is."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest

from lth_core.runtime import sockets
from lth_core.runtime.sockets import LONGEST_NAME, LONGEST_PATH, shorten_temporary_paths, socket_folder


@pytest.fixture
def long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of temporary files in which no socket can be."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_short_folder_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/var/tmp")
    shorten_temporary_paths()
    assert socket_folder() == tempfile.gettempdir() == "/var/tmp"


@pytest.mark.usefixtures("long")
def test_instead_of_a_long_one_another_is_used() -> None:
    shorten_temporary_paths()
    assert tempfile.gettempdir() in sockets.SHORT_FOLDERS
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as opened:
        opened.bind(f"{folder}/jobs")


def test_where_all_are_long_or_closed_there_is_none(long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SHORT_FOLDERS", (str(long), "/proc/missing"))
    shorten_temporary_paths()
    assert socket_folder() is None and tempfile.gettempdir() == str(long)


def test_the_longest_path_that_is_taken_can_be_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        folder = Path(short, "x" * (LONGEST_PATH - LONGEST_NAME - len(short) - 1))
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        assert socket_folder() == str(folder)
        (folder / "pymp-12345678").mkdir()
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(f"{folder}/pymp-12345678/listener-12345678")
