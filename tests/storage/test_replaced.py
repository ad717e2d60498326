"""What a job is about to replace is aside until it has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from lth_core.storage.files import write_text
from lth_core.storage.replaced import are_left, forget, put_aside, put_back


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    write_text(folder / "mini/0-1/dense/history.csv", "step\n1\n")
    (folder / "mini/0-1/dense/.history.csv.origin").write_text("{}")
    return folder


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def outputs(results: Path) -> list[str]:
    return [f"{results}/mini/0-1/dense/history.csv"]


def test_a_job_that_fails_gives_back_files_with_their_sums_and_origin(results: Path) -> None:
    before = files(results)
    put_aside(outputs(results), [str(results)])
    assert not any(Path(results, path).exists() for path in before) and are_left([str(results)])
    Path(outputs(results)[0]).write_text("half of it")
    assert outputs(results)[0] in put_back([str(results)])
    assert files(results) == before and not are_left([str(results)])


def test_a_job_that_finishes_leaves_nothing_aside(results: Path) -> None:
    put_aside(outputs(results), [str(results)])
    write_text(outputs(results)[0], "step\n2\n")
    forget(outputs(results), [str(results)])
    assert put_back([str(results)]) == [] and not are_left([str(results)])
    assert Path(outputs(results)[0]).read_text() == "step\n2\n"


def test_a_second_try_does_not_take_what_the_first_one_left_for_finished(results: Path) -> None:
    before = files(results)
    put_aside(outputs(results), [str(results)])
    Path(outputs(results)[0]).write_text("half of it")
    put_aside(outputs(results), [str(results)])
    put_back([str(results)])
    assert files(results) == before


def test_other_folders_are_left_alone(results: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").touch()
    put_aside([str(tmp_path / "elsewhere.csv")], [str(results)])
    assert (tmp_path / "elsewhere.csv").exists() and not are_left([str(results)])
