"""A file that is damaged or belongs elsewhere is never used, and is named in one line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from lth_core.config import NAME_PATTERN
from lth_core.storage import paths
from lth_core.storage.errors import COMMAND_VARIABLE, ArtifactError
from lth_core.storage.files import read_bytes, write_text
from lth_core.storage.paths import place, sum_file
from lth_core.storage.tensors import read_header, read_tensors, write_tensors
from tests.support.artifact_samples import TENSORS

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
        paths.data_file("", task),
        paths.initial_file("", task, "0-4"),
        paths.dense_folder("", task, "0-4", branch) + "/trained.safetensors",
        paths.level_folder("", task, "0-4", method, 12, branch) + "/history.csv",
        paths.supermasks_file("", task, "0-4", method),
        paths.learned_supermasks_file("", task, "0-4", "initial", "plain"),
        paths.table_file("", method, branch),
    ):
        assert place(results + path) == path.removeprefix("/")
