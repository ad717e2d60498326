"""What the tests of artifacts write, and how files are damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import strategies as st

TENSORS = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "kept": np.array([True, False])}


def names(folder: Path) -> list[str]:
    """The files of a folder."""
    return sorted(path.name for path in folder.iterdir())


def damaged(content: bytes, data: st.DataObject) -> bytes:
    """Another content: one byte changed, cut short, or with something behind it."""
    at = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "longer", "zeros"]))
    if kind == "flip":
        return content[:at] + bytes([content[at] ^ 1 << data.draw(st.integers(0, 7))]) + content[at + 1 :]
    if kind == "zeros":  # what a file system may leave of a block after a power cut
        return content[:at] + bytes(len(content) - at)
    return content[:at] if kind == "cut" else content + data.draw(st.binary(min_size=1, max_size=9))
