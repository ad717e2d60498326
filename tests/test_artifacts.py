"""Files are written whole or not at all, and a file that cannot be used is named in one line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from lth_core import artifacts
from lth_core.artifacts import (
    ArtifactError,
    discard_parts,
    provenance,
    read_header,
    read_tensors,
    write_tensors,
    write_text,
    write_whole,
)

TENSORS = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "kept": np.array([True, False])}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---------------------------------------------------------------- writing


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folders" / "mask.safetensors"
    write_tensors(path, TENSORS, {"density": 0.5, "provenance": {"spec": {"seeds": [0]}}})
    found = read_tensors(path)
    assert found.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)
    assert read_header(path) == {"density": 0.5, "provenance": {"spec": {"seeds": [0]}}}


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_whole(tmp_path / "claims.csv", fail)
    assert names(tmp_path) == []


def test_a_writer_that_fails_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "init.safetensors"
    write_tensors(path, TENSORS, {})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_tensors(path, TENSORS, {"not JSON": object()})
    with pytest.raises(Exception, match="object"):
        write_tensors(path, {"weight": np.array([object()])}, {})
    assert path.read_bytes() == before and names(tmp_path) == ["init.safetensors"]


def test_a_writer_that_is_killed_leaves_no_file_and_its_successor_clears_up(tmp_path: Path) -> None:
    path = tmp_path / "trained.safetensors"
    code = f"""
import os, signal
from lth_core.artifacts import write_whole
def killed(temporary):
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
write_whole({str(path)!r}, killed)
"""
    root = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": root}, check=False)
    assert done.returncode < 0
    assert not path.exists() and len(names(tmp_path)) == 1
    write_tensors(path, TENSORS, {})
    assert names(tmp_path) == ["trained.safetensors"]


def test_only_the_parts_of_the_file_itself_are_discarded(tmp_path: Path) -> None:
    kept = [".history.csv.1.part", ".trained.safetensors.part", "trained.safetensors.1.part", "trained.safetensors"]
    for name in [*kept, ".trained.safetensors.4711.part"]:
        (tmp_path / name).touch()
    discard_parts(tmp_path / "trained.safetensors")
    assert names(tmp_path) == sorted(kept)


@given(order=st.permutations(sorted(TENSORS)), fortran=st.booleans())
def test_equal_content_gives_equal_bytes(
    tmp_path_factory: pytest.TempPathFactory, order: list[str], fortran: bool
) -> None:
    folder = tmp_path_factory.mktemp("equal")
    write_tensors(folder / "one", TENSORS, {"step": 3})
    same = {name: np.asarray(TENSORS[name], order="F" if fortran else "C") for name in order}
    write_tensors(folder / "two", same, {"step": 3})
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()


def test_text_is_utf8_with_its_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "captions.json", "θ₀ – größer\n")
    assert (tmp_path / "captions.json").read_bytes() == "θ₀ – größer\n".encode()


# ---------------------------------------------------------------- files that cannot be used


def damaged(path: Path) -> None:
    write_tensors(path, TENSORS, {})
    path.write_bytes(path.read_bytes()[:-5])


def of_no_tensors(path: Path) -> None:
    path.write_text("seed,draw\n")


def empty(path: Path) -> None:
    path.touch()


def missing(path: Path) -> None:
    pass


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [damaged, of_no_tensors, empty, missing, a_folder])
@pytest.mark.parametrize("read", [read_tensors, read_header])
def test_an_unusable_file_is_named_in_one_line(tmp_path: Path, make: object, read: object) -> None:
    path = tmp_path / "trained.safetensors"
    make(path)
    with pytest.raises(ArtifactError) as raised:
        read(path)
    line = str(raised.value)
    assert line.startswith(f"{path}: cannot be read (") and "\n" not in line
    assert line.endswith("delete it and run the same command again")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_file_of_another_program_is_named_in_one_line(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file(TENSORS, path, metadata=metadata)
    with pytest.raises(ArtifactError, match=r"foreign\.safetensors: was not written by lth; delete it and run"):
        read_header(path)


# ---------------------------------------------------------------- provenance


def test_provenance_names_versions_and_commit_but_no_time() -> None:
    found = provenance({"seeds": [0, 1]}, device="cuda")
    assert found["spec"] == {"seeds": [0, 1]} and found["device"] == "cuda"
    assert found["versions"]["numpy"] == np.__version__
    assert set(found) == {"spec", "versions", "git_commit", "device"}


def test_provenance_needs_no_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    artifacts._git_commit.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance({})["git_commit"] is None
    artifacts._git_commit.cache_clear()


def test_all_that_a_killed_writer_can_leave_is_cleared_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    replace = os.replace

    def look(source: Path, target: Path) -> None:
        seen.extend(path.name for path in tmp_path.iterdir())
        shutil.copy(source, tmp_path / source.name.replace(str(os.getpid()), "1"))
        replace(source, target)

    monkeypatch.setattr(os, "replace", look)
    write_tensors(tmp_path / "trained.safetensors", TENSORS, {})
    assert seen == [f".trained.safetensors.{os.getpid()}.part"]
    monkeypatch.undo()
    write_tensors(tmp_path / "trained.safetensors", TENSORS, {})
    assert [path.name for path in tmp_path.iterdir()] == ["trained.safetensors"]
