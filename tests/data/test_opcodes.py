"""Pickled files are read by interpreting their opcodes: nothing that they name is imported or called."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from lth_core.data.opcodes import interpreted, read_pickled
from lth_core.data.splits import DataError
from tests.support.pickled import array, mapping, sparse_rows


def written(folder: Path, content: bytes) -> Path:
    path = folder / "ind.toy.x"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["<i4", "<f4", "<f8", ">i4", "<i8"])
def test_an_array_is_read_as_numpy_writes_it(kind: str, tmp_path: Path) -> None:
    values = np.arange(6).reshape(2, 3).astype(kind)
    read = read_pickled(written(tmp_path, array(values)))
    assert np.array_equal(read, values) and read.dtype == values.dtype


def test_an_array_may_be_stored_by_columns(tmp_path: Path) -> None:
    values = np.arange(6, dtype="<i4").reshape(2, 3)
    assert np.array_equal(read_pickled(written(tmp_path, array(values, by_columns=True))), values)


def test_sparse_rows_become_a_dense_array(tmp_path: Path) -> None:
    dense = np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3]], np.float32)
    assert np.array_equal(read_pickled(written(tmp_path, sparse_rows(dense))), dense)


def test_a_dictionary_of_lists_is_read(tmp_path: Path) -> None:
    neighbours = {0: [1, 300], 1: [0], 300: [0, 70000], 70000: [300], 5: []}
    assert read_pickled(written(tmp_path, mapping(neighbours))) == neighbours


def test_numbers_and_lists_of_the_first_protocol_are_read() -> None:
    assert interpreted(b"(lp0\nI3\naL4L\nag0\na.")[:2] == [3, 4]
    assert interpreted(b"(dp0\nI1\n(lp1\nI2\nas.") == {1: [2]}


# ---------------------------------------------------------------- hostile files


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"cos\nsystem\n(S'touch CALLED'\ntR.", "names os.system"),
        (b"\x80\x02cbuiltins\neval\nU\x0fopen('CALLED')\x85R.", "names builtins.eval"),
        (b"\x80\x02cnumpy.core.multiarray\nload\n.", "names numpy.core.multiarray.load"),
        (b"(S'touch CALLED'\nios\nsystem\n.", "has the opcode INST"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "has the opcode SHORT_BINUNICODE"),
        (b"\x80\x04U\x02osU\x06system\x93.", "has the opcode STACK_GLOBAL"),
        (b"\x80\x02\x82\x01.", "has the opcode EXT1"),
        (b"Pname\n.", "has the opcode PERSID"),
        (b"(U\x01a(tR.", "would call"),
        (b"\x80\x02c__builtin__\nlist\nU\x01a\x85R.", "would call list"),
        (b"\x80\x02]}b.", "would set the state of what is no array"),
        (b"\x80\x02}K\x01a.", "would append to what is no list"),
    ],
)
def test_a_file_that_asks_for_anything_else_is_refused_by_name(
    content: bytes, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        read_pickled(written(tmp_path, content))
    assert named in str(caught.value) and "nothing of it was executed" in str(caught.value)
    assert "\n" not in str(caught.value) and not (tmp_path / "CALLED").exists()


@pytest.mark.parametrize("length", [0, 1, 40, 120, -30, -1])
@pytest.mark.parametrize("whole", [array(np.arange(6.0)), sparse_rows(np.eye(3)), mapping({0: [1], 1: [0]})])
def test_a_file_that_is_cut_off_is_refused_in_one_line(whole: bytes, length: int, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is no pickled data, or cut off or damaged|has no end") as caught:
        read_pickled(written(tmp_path, whole[:length] if length < len(whole) else whole[:-1]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (array(np.arange(6, dtype="<i4")).replace(b"K\x06\x85", b"K\x07\x85"), "has 24 bytes for an array of shape"),
        (array(np.arange(6, dtype="<i4")).replace(b"U\x02i4", b"U\x02O8"), "has an array of 'O8', not of numbers"),
        (sparse_rows(np.eye(3), shape=(4, 3)), "has sparse rows that do not fit together: 4 rows, 3 values"),
        (sparse_rows(np.eye(3), shape=(3, 2)), "has values in columns 0..2 of 2"),
        (sparse_rows(np.eye(3), shape=(2**20, 2**20)), "has 1048576 x 1048576 features: at most 268,435,456"),
        (b"\x80\x02K\x05.", "holds no array, rows or dictionary but int"),
    ],
)
def test_arrays_that_do_not_add_up_are_refused_in_one_line(content: bytes, problem: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_pickled(written(tmp_path, content))
    assert problem in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(No such file or directory\): put the published file there"):
        read_pickled(tmp_path / "ind.toy.x")


def test_sizes_of_text_are_looked_at_before_it_is_read(tmp_path: Path) -> None:
    endless = b"\x80\x02T" + struct.pack("<i", 2**31 - 1) + b"abc."
    with pytest.raises(DataError, match="is no pickled data, or cut off or damaged"):
        read_pickled(written(tmp_path, endless))


def test_a_text_file_is_no_pickled_data(tmp_path: Path) -> None:
    path = tmp_path / "ind.cora.x"
    path.write_text("hello\n")
    with pytest.raises(DataError) as caught:
        read_pickled(path)
    assert str(caught.value) == f"{path}: is no pickled data, or cut off or damaged: put the published file there"
