"""The file format of MNIST (yann.lecun.com/exdb/mnist): a type, the number of axes, their lengths, then the numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

UINT8 = 8
"""The type of all published files."""


class IdxError(ValueError):
    """A file that does not have this format; one line."""


def read_idx(path: str | Path) -> np.ndarray:
    """Read the array of an idx file, as uint8. Raises IdxError when the file is damaged, OSError when it is missing."""
    content = Path(path).read_bytes()
    if len(content) < 4 or content[:3] != bytes([0, 0, UINT8]):
        raise IdxError(f"{path}: is no idx file of unsigned bytes")
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, offset=4).tolist() if len(content) >= 4 + 4 * axes else []
    values = np.frombuffer(content, np.uint8, offset=min(len(content), 4 + 4 * axes))
    if len(shape) != axes or len(values) != math.prod(shape):
        raise IdxError(f"{path}: says that it holds {shape} numbers, but has {len(values)}")
    return values.reshape(shape)
