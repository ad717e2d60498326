"""Files are written whole or not at all, and a file that cannot be used is named in one line."""

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
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from lth_core import artifacts
from lth_core.artifacts import (
    COMMAND_VARIABLE,
    ArtifactError,
    discard_parts,
    place,
    provenance,
    read_bytes,
    read_header,
    read_tensors,
    sum_file,
    write_tensors,
    write_text,
    write_whole,
)
from lth_core.config import NAME_PATTERN

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
    with pytest.raises(TypeError, match="array of references"):
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
    assert line.endswith(f"; make it again, then run the same command as before: snakemake --force {path} --cores all")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
@pytest.mark.parametrize("read", [read_tensors, read_header])
def test_a_file_of_another_program_is_named_in_one_line(
    tmp_path: Path, metadata: dict[str, str] | None, read: object
) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file(TENSORS, path, metadata=metadata)
    with pytest.raises(ArtifactError, match=r"foreign\.safetensors: was not written by lth; make it again"):
        read(path)


def test_the_command_of_this_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMAND_VARIABLE, "snakemake --force {} --cores all --configfile 'my own.yaml'")
    with pytest.raises(ArtifactError, match=r"snakemake --force '.*/my mask' --cores all --configfile 'my own\.yaml'$"):
        read_tensors(tmp_path / "my mask")


# ---------------------------------------------------------------- damage


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of tensors and a table, as they are written."""
    folder = tmp_path_factory.mktemp("sound") / "results" / "mini" / "0-1" / "dense"
    write_tensors(folder / "trained.safetensors", TENSORS, {"density": 0.512})
    write_text(folder / "history.csv", "seed,loss\n0,0.25\n1,0.125\n")
    return {"tensors": folder / "trained.safetensors", "table": folder / "history.csv"}


def changed(content: bytes, data: st.DataObject) -> bytes:
    """Another content: one byte changed, cut short, or with something behind it."""
    place = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "longer", "zeros"]))
    if kind == "flip":
        return content[:place] + bytes([content[place] ^ 1 << data.draw(st.integers(0, 7))]) + content[place + 1 :]
    if kind == "zeros":  # what a file system may leave of a block after a power cut
        return content[:place] + bytes(len(content) - place)
    return content[:place] if kind == "cut" else content + data.draw(st.binary(min_size=1, max_size=9))


@settings(max_examples=300)
@given(data=st.data())
def test_tensors_with_any_damage_are_never_used(sound: dict[str, Path], data: st.DataObject) -> None:
    content = sound["tensors"].read_bytes()
    path = sound["tensors"].with_name("at_5.safetensors")
    path.write_bytes(damaged := changed(content, data))
    assume(damaged != content)
    with pytest.raises(ArtifactError):
        read_tensors(path)


@given(data=st.data())
def test_a_header_with_any_damage_is_never_used(sound: dict[str, Path], data: st.DataObject) -> None:
    """Tensors are not looked at: the table reads the headers of thousands of masks."""
    content = sound["tensors"].read_bytes()
    head = 8 + int.from_bytes(content[:8], "little")
    damaged = changed(content[:head], data) + content[head:]
    assume(damaged != content)
    path = sound["tensors"]
    try:
        path.write_bytes(damaged)
        assert read_header(path) == {"density": 0.512}
        read_tensors(path)
    except ArtifactError:
        pass
    else:
        raise AssertionError("the damage is not noticed")
    finally:
        path.write_bytes(content)


@given(data=st.data())
def test_a_table_with_any_damage_is_never_used(sound: dict[str, Path], data: st.DataObject) -> None:
    content = sound["table"].read_bytes()
    damaged = changed(content, data)
    assume(damaged != content)
    try:
        sound["table"].write_bytes(damaged)
        with pytest.raises(ArtifactError, match=r"history\.csv: is damaged \(its sum differs\); make it again"):
            read_bytes(sound["table"])
    finally:
        sound["table"].write_bytes(content)
    assert read_bytes(sound["table"]) == content


def test_sums_are_those_of_sha256sum(sound: dict[str, Path]) -> None:
    done = subprocess.run(["sha256sum", "--check", ".history.csv.sha256"], cwd=sound["table"].parent, check=False)
    assert done.returncode == 0


def test_a_table_without_a_sum_is_believed(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("seed\n")
    assert read_bytes(tmp_path / "history.csv") == b"seed\n"


PLACES = [
    ("data/digits.safetensors", "data/mnist.safetensors"),
    ("mini/0-1/init.safetensors", "mini/2-3/init.safetensors"),
    ("mini/0-1/dense/trained.safetensors", "other/0-1/dense/trained.safetensors"),
    ("mini/0-1/imp/level_1/mask.safetensors", "mini/0-1/imp/level_2/mask.safetensors"),
    ("mini/0-1/imp/level_1/mask.safetensors", "mini/0-1/imp/level_1/reinit/mask.safetensors"),
    ("mini/0-1/dense/history.csv", "mini/0-1/dense/order-1/history.csv"),
    ("mini/0-1/imp/supermasks.csv", "mini/0-1/other/supermasks.csv"),
    ("tables/frankle2019/curves.csv", "tables/transfer/curves.csv"),
]


@pytest.mark.parametrize(("there", "elsewhere"), PLACES)
def test_an_artifact_copied_to_anothers_place_is_not_used(tmp_path: Path, there: str, elsewhere: str) -> None:
    source, target, moved = (tmp_path / name for name in (f"results/{there}", f"results/{elsewhere}", f"new/{there}"))
    if source.suffix == ".csv":
        write_text(source, "seed\n")
        read = read_bytes
    else:
        write_tensors(source, TENSORS, {})
        read = read_tensors
    for copy in (target, moved):
        copy.parent.mkdir(parents=True, exist_ok=True)
        for path, end in ((source, copy), (sum_file(source), sum_file(copy))):
            if path.exists():
                shutil.copy(path, end)
    with pytest.raises(ArtifactError) as raised:
        read(target)
    assert str(raised.value).startswith(f"{target}: belongs elsewhere (it was made as {there}); make it again")
    read(moved)  # the same place below another results folder


@given(
    results=st.sampled_from(["results", "/data/0-1/tables", "dense/0-1/data", "tables", "a b/../c"]),
    names=st.tuples(*[st.from_regex(NAME_PATTERN, fullmatch=True)] * 3),
)
def test_places_do_not_depend_on_where_results_lie(results: str, names: tuple[str, str, str]) -> None:
    task, method, branch = names
    assume(task not in ("data", "tables") and method != "dense")
    for path in (
        artifacts.data_file("", task),
        artifacts.initial_file("", task, "0-4"),
        artifacts.dense_folder("", task, "0-4", branch) + "/trained.safetensors",
        artifacts.level_folder("", task, "0-4", method, 12, branch) + "/history.csv",
        artifacts.supermasks_file("", task, "0-4", method),
        artifacts.learned_supermasks_file("", task, "0-4", "initial", "plain"),
        artifacts.table_file("", method, branch),
    ):
        assert place(results + path) == path.removeprefix("/")


def test_files_of_the_future_are_given_the_present_time(tmp_path: Path) -> None:
    write_text(tmp_path / "results" / "a.csv", "")
    write_text(tmp_path / "results" / "b.csv", "")
    now = time.time()
    os.utime(tmp_path / "results/a.csv", (now + 9e8, now + 9e8))
    os.utime(tmp_path / "results/b.csv", (1e9, 1e9))
    artifacts.out_of_the_future(tmp_path / "results", tmp_path / "none")
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
