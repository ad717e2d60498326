"""Files are written whole or not at all, with the versions that made them."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lth_core.storage import files
from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import discard_parts, write_text, write_whole
from lth_core.storage.provenance import _git_commit, provenance
from lth_core.storage.tensors import read_header, read_tensors, write_tensors
from tests.support.artifact_samples import TENSORS


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
    with pytest.raises(TypeError, match="array of references"):
        write_tensors(path, {"weight": np.array([object()])}, {})
    assert path.read_bytes() == before and names(tmp_path) == ["init.safetensors"]


def test_a_writer_that_is_killed_leaves_no_file_and_its_successor_clears_up(tmp_path: Path) -> None:
    path = tmp_path / "trained.safetensors"
    code = f"""
import os, signal
from lth_core.storage.files import write_whole
def killed(temporary):
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
write_whole({str(path)!r}, killed)
"""
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": root}, check=False)
    assert done.returncode < 0
    assert not path.exists() and len(names(tmp_path)) == 1
    write_tensors(path, TENSORS, {})
    assert names(tmp_path) == ["trained.safetensors"]


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


def test_files_of_the_future_are_given_the_present_time(tmp_path: Path) -> None:
    write_text(tmp_path / "results" / "a.csv", "")
    write_text(tmp_path / "results" / "b.csv", "")
    now = time.time()
    os.utime(tmp_path / "results/a.csv", (now + 9e8, now + 9e8))
    os.utime(tmp_path / "results/b.csv", (1e9, 1e9))
    files.out_of_the_future(tmp_path / "results", tmp_path / "none")
    assert now <= (tmp_path / "results/a.csv").stat().st_mtime <= time.time()
    assert (tmp_path / "results/b.csv").stat().st_mtime == 1e9


# ---------------------------------------------------------------- disks that do not take it


def refused(path: Path) -> str:
    with pytest.raises(ArtifactError) as raised:
        write_tensors(path, {"weight": np.zeros(100_000)}, {})
    return str(raised.value)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "trained.safetensors"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        line = refused(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert line == f"{path}: cannot be written (File too large); mend that and run the same command again"
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    path = tmp_path / "results" / "trained.safetensors"
    assert refused(path) == f"{path}: cannot be written (File exists); mend that and run the same command again"


# ---------------------------------------------------------------- provenance


def test_provenance_names_versions_and_commit_but_no_time() -> None:
    found = provenance({"seeds": [0, 1]}, device="cuda")
    assert found["spec"] == {"seeds": [0, 1]} and found["device"] == "cuda"
    assert found["versions"]["numpy"] == np.__version__
    assert set(found) == {"spec", "versions", "git_commit", "device"}


def test_provenance_needs_no_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _git_commit.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance({})["git_commit"] is None
    _git_commit.cache_clear()
