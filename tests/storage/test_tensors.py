"""Tensors are read back as they were written; a file that is damaged or of another program is never used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from lth_core.storage.errors import ArtifactError
from lth_core.storage.tensors import read_header, read_tensors, write_tensors
from tests.support.artifact_samples import TENSORS, damaged, names


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folders" / "mask.safetensors"
    write_tensors(path, TENSORS, {"density": 0.5, "provenance": {"spec": {"seeds": [0]}}})
    tensors = read_tensors(path)
    assert tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert tensors[name].dtype == value.dtype
        np.testing.assert_array_equal(tensors[name], value)
    assert read_header(path) == {"density": 0.5, "provenance": {"spec": {"seeds": [0]}}}


def test_a_writer_that_fails_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "init.safetensors"
    write_tensors(path, TENSORS, {})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_tensors(path, TENSORS, {"not JSON": object()})
    with pytest.raises(TypeError, match="array of references"):
        write_tensors(path, {"weight": np.array([object()])}, {})
    assert path.read_bytes() == before and names(tmp_path) == ["init.safetensors"]


@given(order=st.permutations(sorted(TENSORS)), fortran=st.booleans())
def test_equal_content_gives_equal_bytes(
    tmp_path_factory: pytest.TempPathFactory, order: list[str], fortran: bool
) -> None:
    folder = tmp_path_factory.mktemp("equal")
    write_tensors(folder / "one", TENSORS, {"step": 3})
    same = {name: np.asarray(TENSORS[name], order="F" if fortran else "C") for name in order}
    write_tensors(folder / "two", same, {"step": 3})
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()


# ---------------------------------------------------------------- files that cannot be used


def cut_short(path: Path) -> None:
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


@pytest.mark.parametrize("make", [cut_short, of_no_tensors, empty, missing, a_folder])
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
    path = tmp_path / "other.safetensors"
    save_file(TENSORS, path, metadata=metadata)
    with pytest.raises(ArtifactError, match=r"other\.safetensors: was not written by lth; make it again"):
        read(path)


# ---------------------------------------------------------------- damage


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of tensors as it is written."""
    path = tmp_path_factory.mktemp("sound") / "results" / "mini" / "0-1" / "dense" / "trained.safetensors"
    write_tensors(path, TENSORS, {"density": 0.512})
    return path


@settings(max_examples=300)
@given(data=st.data())
def test_tensors_with_any_damage_are_never_used(sound: Path, data: st.DataObject) -> None:
    content = sound.read_bytes()
    path = sound.with_name("at_5.safetensors")
    path.write_bytes(other := damaged(content, data))
    assume(other != content)
    with pytest.raises(ArtifactError):
        read_tensors(path)


@given(data=st.data())
def test_a_header_with_any_damage_is_never_used(sound: Path, data: st.DataObject) -> None:
    """Tensors are not looked at: the table reads the headers of thousands of masks."""
    content = sound.read_bytes()
    head = 8 + int.from_bytes(content[:8], "little")
    other = damaged(content[:head], data) + content[head:]
    assume(other != content)
    path = sound
    try:
        path.write_bytes(other)
        assert read_header(path) == {"density": 0.512}
        read_tensors(path)
    except ArtifactError:
        pass
    else:
        raise AssertionError("the damage is not noticed")
    finally:
        path.write_bytes(content)
