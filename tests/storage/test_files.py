"""Files are written whole or not at all, and damaged ones are never read."""

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
from hypothesis import assume, given
from hypothesis import strategies as st

from lth_core.storage.errors import ArtifactError
from lth_core.storage.files import discard_parts, out_of_the_future, read_bytes, write_text, write_whole
from lth_core.storage.tensors import write_tensors
from tests.support.artifact_samples import TENSORS, damaged, names

# ---------------------------------------------------------------- writing


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_whole(tmp_path / "claims.csv", fail)
    assert names(tmp_path) == []


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


def test_text_is_utf8_with_its_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "captions.json", "θ₀ – größer\n")
    assert (tmp_path / "captions.json").read_bytes() == "θ₀ – größer\n".encode()


def test_files_of_the_future_are_given_the_present_time(tmp_path: Path) -> None:
    write_text(tmp_path / "results" / "a.csv", "")
    write_text(tmp_path / "results" / "b.csv", "")
    now = time.time()
    os.utime(tmp_path / "results/a.csv", (now + 9e8, now + 9e8))
    os.utime(tmp_path / "results/b.csv", (1e9, 1e9))
    out_of_the_future(tmp_path / "results", tmp_path / "none")
    assert now <= (tmp_path / "results/a.csv").stat().st_mtime <= time.time()
    assert (tmp_path / "results/b.csv").stat().st_mtime == 1e9


# ---------------------------------------------------------------- disks that refuse


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


# ---------------------------------------------------------------- damage


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table as it is written."""
    path = tmp_path_factory.mktemp("sound") / "results" / "mini" / "0-1" / "dense" / "history.csv"
    write_text(path, "seed,loss\n0,0.25\n1,0.125\n")
    return path


@given(data=st.data())
def test_a_table_with_any_damage_is_never_used(table: Path, data: st.DataObject) -> None:
    content = table.read_bytes()
    other = damaged(content, data)
    assume(other != content)
    try:
        table.write_bytes(other)
        with pytest.raises(ArtifactError, match=r"history\.csv: is damaged \(its sum differs\); make it again"):
            read_bytes(table)
    finally:
        table.write_bytes(content)
    assert read_bytes(table) == content


def test_sums_are_those_of_sha256sum(table: Path) -> None:
    done = subprocess.run(["sha256sum", "--check", ".history.csv.sha256"], cwd=table.parent, check=False)
    assert done.returncode == 0


def test_a_table_without_a_sum_is_believed(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("seed\n")
    assert read_bytes(tmp_path / "history.csv") == b"seed\n"
