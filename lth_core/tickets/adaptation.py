"""Adaptation: weights or masks of another task's network, made to fit the network of this task.

Tickets are transferred between data sets that differ in their classes or in their colour channels (Morcos et al. 2019,
section 3). Where the number of classes differs, the output layer is that of this task; a first convolution passes
between one input channel and several by the rule of `_other_channels`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from lth_core.storage.tensors import Tensors

if TYPE_CHECKING:
    from jaxtyping import Shaped


class AdaptationError(ValueError):
    """Networks of two tasks that do not fit together; one line: which weight, and its shape in both."""


def adapt(source: Tensors, target: Tensors, layers: Mapping[str, str]) -> Tensors:
    """Fit the tensors of one replicate of another task to the shapes of `target`, a replicate of this task.

    Tensors of equal shape (buffers included) are taken from `source`. An output layer is that of `target` where the
    number of classes differs: for masks, hand over a `target` that keeps everything. The first layer, if it is a
    convolution, may have one input channel in one of the networks and several in the other.

    Args:
        source: parameters and buffers, or booleans (a mask, True = kept), by name.
        target: the same names; shapes, and the values of an output layer for other classes.
        layers: weight name -> kind of all prunable layers of the network, in network order.

    Raises AdaptationError for any other difference.
    """
    for name in sorted(set(source) ^ set(target)):
        where = "the source" if name in source else "this task"
        raise AdaptationError(f"the networks differ: only that of {where} has a weight '{name}'")
    first = next((name for name, kind in layers.items() if kind != "output"), next(iter(layers)))
    weights = [name for name, kind in layers.items() if kind == "output"]
    output = {*weights, *(name.removesuffix("weight") + "bias" for name in weights)}

    def fitted(name: str) -> np.ndarray:
        before, after = source[name].shape, target[name].shape
        if before == after:
            return source[name]
        if name in output and before[1:] == after[1:]:  # other classes
            return target[name]
        if name == first and _differ_in_channels(before, after):
            return _other_channels(source[name], after[1])
        raise AdaptationError(_unfit(name, str(before), str(after)))

    return {name: fitted(name) for name in target}


def only_part(source: Tensors, target: Tensors, part: str) -> Tensors:
    """Take of another network's tensors only those whose names match a pattern, and all others of `target`.

    Raises AdaptationError when no name matches in both, or one of the part has other shapes.
    """
    taken = {name: value for name, value in source.items() if name in target and fnmatchcase(name, part)}
    if not taken:
        raise AdaptationError(f"part: '{part}' matches no weight that both networks have")
    for name, value in taken.items():
        if value.shape != target[name].shape:
            raise AdaptationError(_unfit(name, str(value.shape), str(target[name].shape)))
    return {**target, **taken}


def _unfit(name: str, source: str, target: str) -> str:
    shapes = f"it has shape {source} there and {target} in this task's network"
    return f"weight '{name}' of the source does not fit: {shapes}"


def _differ_in_channels(source: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether two shapes (filters, channels, ...) of kernels differ in channels alone, and one of them has 1."""
    alike = (source[:1], source[2:]) == (target[:1], target[2:])
    return alike and len(source) > 2 and 1 in (source[1], target[1])


def _other_channels(
    kernels: Shaped[np.ndarray, "filters _ *window"], channels: int
) -> Shaped[np.ndarray, "filters {channels} *window"]:
    """Kernels that compute of a grey picture what they did before, or the mask of such kernels.

    One channel to several: repeated, and divided by their number. Several to one: summed. A position is kept where the
    one channel keeps it, and where any of the several does.
    """
    if kernels.dtype == bool:
        return kernels.any(axis=1, keepdims=True).repeat(channels, axis=1)
    return (kernels.sum(axis=1, keepdims=True) / np.float32(channels)).repeat(channels, axis=1)
