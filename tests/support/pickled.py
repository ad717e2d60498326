"""The bytes of pickled files as the authors of Planetoid wrote them (protocol 2, Python 2), opcode by opcode."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

START, END = b"\x80\x02", b"."


def number(value: int) -> bytes:
    """BININT1, BININT2 or BININT."""
    if 0 <= value < 2**8:
        return b"K" + struct.pack("<B", value)
    return b"M" + struct.pack("<H", value) if 0 <= value < 2**16 else b"J" + struct.pack("<i", value)


def text(value: bytes) -> bytes:
    """SHORT_BINSTRING or BINSTRING."""
    if len(value) < 2**8:
        return b"U" + struct.pack("<B", len(value)) + value
    return b"T" + struct.pack("<i", len(value)) + value


def numbers(values: Sequence[int]) -> bytes:
    """A tuple of one or two numbers."""
    return b"".join(map(number, values)) + {1: b"\x85", 2: b"\x86"}[len(values)]


def array(values: np.ndarray, by_columns: bool = False) -> bytes:
    """A whole file of an array."""
    return START + array_of(values, by_columns) + END


def array_of(values: np.ndarray, by_columns: bool = False) -> bytes:
    """_reconstruct(ndarray, (0,), 'b'), and its state: (1, shape, dtype, by columns, bytes)."""
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    order = {"<": b"<", "=": b"<", ">": b">", "|": b"|"}[values.dtype.byteorder]
    kind = b"cnumpy\ndtype\n" + text(values.dtype.str[1:].encode()) + b"K\x00K\x01\x87R"
    kind += b"(K\x03" + text(order) + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    content = text(values.tobytes("F" if by_columns else "C"))
    return empty + b"(K\x01" + numbers(values.shape) + kind + (b"\x88" if by_columns else b"\x89") + content + b"tb"


def sparse_rows(dense: np.ndarray, shape: tuple[int, int] | None = None) -> bytes:
    """A whole file of a csr_matrix, which says that it has `shape`."""
    rows, columns = dense.nonzero()
    starts = np.searchsorted(rows, np.arange(len(dense) + 1)).astype("<i4")
    parts: dict[bytes, Any] = {
        b"_shape": numbers(shape or dense.shape),
        b"indptr": array_of(starts),
        b"indices": array_of(columns.astype("<i4")),
        b"data": array_of(dense[rows, columns].astype("<f4")),
    }
    state = b"".join(text(name) + part for name, part in parts.items())
    return START + b"cscipy.sparse.csr\ncsr_matrix\n)\x81}(" + text(b"format") + text(b"csr") + state + b"ub" + END


def mapping(neighbours: Mapping[int, Sequence[int]]) -> bytes:
    """A whole file of a defaultdict of lists."""
    items = b"".join(number(key) + b"](" + b"".join(map(number, listed)) + b"e" for key, listed in neighbours.items())
    return START + b"ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R(" + items + b"u" + END
