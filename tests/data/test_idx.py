"""Files in MNIST's format are read as they are, and damaged ones are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lth_core.data.idx import IdxError, read_idx


def idx(array: np.ndarray) -> bytes:
    """The bytes of an idx file: type, number of axes, lengths (big-endian), numbers."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


@given(array=arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, max_side=5)))
def test_arrays_are_read_back(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("idx") / "images"
    path.write_bytes(idx(array))
    np.testing.assert_array_equal(read_idx(path), array)


@given(cut=st.integers(1, 27))
def test_a_file_that_was_cut_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("idx") / "images"
    path.write_bytes(idx(np.zeros((3, 2, 2), np.uint8))[:-cut])
    with pytest.raises(IdxError, match="images"):
        read_idx(path)


@pytest.mark.parametrize("content", [b"", b"soup", b"\x00\x00\x0d\x01\x00\x00\x00\x01\x00\x00\x00\x00"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(IdxError):
        read_idx(tmp_path / "images")
