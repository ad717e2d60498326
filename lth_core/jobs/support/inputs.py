"""What jobs read: weights and masks, which must fit their network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lth_core.data.kinds import other_characters
from lth_core.data.splits import DataError
from lth_core.storage.errors import ArtifactError
from lth_core.storage.tensors import Tensors, read_header, read_tensors

Shapes = Mapping[str, tuple[int, ...]]


def read_weights(path: str | Path, like: Mapping[str, Any], replicates: int | None = None) -> Tensors:
    """Read the stacked weights (R, ...) of a network, given as other stacked weights of it.

    Raises ArtifactError when a tensor is missing, has another shape or is not one of `replicates` (any number if None).
    """
    shapes = {name: tuple(value.shape[1:]) for name, value in like.items()}
    tensors = read_tensors(path)
    for name in shapes.keys() - tensors.keys():
        raise ArtifactError.unusable(path, f"does not fit its network ('{name}' is missing)")
    _check(path, tensors, shapes, replicates)
    return tensors


def read_mask(path: str | Path, weights: Tensors) -> Tensors:
    """Read a stacked mask (R, ...) of some of the weights. Raises ArtifactError when it does not fit them."""
    mask = read_tensors(path)
    replicates = len(next(iter(weights.values())))
    _check(path, mask, {name: value.shape[1:] for name, value in weights.items()}, replicates)
    return mask


def check_characters(data: str | Path, *others: str | Path | None) -> None:
    """Check that texts whose networks exchange weights have the same characters, given their data files.

    Raises DataError.
    """
    for other in filter(None, others):
        if problem := other_characters(read_header(data), read_header(other)):
            raise DataError(f"{data} and {other} {problem}")


def _check(path: str | Path, tensors: Tensors, shapes: Shapes, replicates: int | None) -> None:
    for name, value in tensors.items():
        if name not in shapes:
            raise ArtifactError.unusable(path, f"does not fit its network (which has no '{name}')")
        replicates = replicates or len(value)
        if value.shape != (replicates, *shapes[name]):
            actual, expected = ("x".join(map(str, shape)) for shape in (value.shape, (replicates, *shapes[name])))
            raise ArtifactError.unusable(path, f"does not fit its network ('{name}' is {actual}, not {expected})")
