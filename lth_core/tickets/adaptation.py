"""Adaptation: weights or masks of another task's network, made to fit the network of this task.

Tickets are transferred between data sets that differ in their classes or in their colour channels (Morcos et al. 2019,
section 3): the output layer is this task's own where the number of classes differs, and a first convolution passes
between one input channel and several by the rule of `_other_channels`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lth_core.storage.tensors import Tensors


class AdaptationError(ValueError):
    """Networks of two tasks that do not fit together; one line: which weight, and its shape in both."""


def adapt(foreign: Tensors, own: Tensors, layers: Mapping[str, str]) -> Tensors:
    """The tensors of one replicate of another task in the shapes of `own`, a replicate of this task.

    Tensors of equal shape (buffers included) are taken from `foreign`. The output layer is that of `own` where the
    number of classes differs: for masks, hand over an `own` that keeps everything. The first layer, if it is a
    convolution, may have one input channel in one of the networks and several in the other.

    Args:
        foreign: parameters and buffers, or booleans (a mask, True = kept), by name.
        own: the same names; shapes, and the values of an output layer for other classes.
        layers: weight name -> kind of all prunable layers of the network, in network order.

    Raises AdaptationError for any other difference.
    """
    for name in sorted(set(foreign) ^ set(own)):
        shapes = (str(part[name].shape) if name in part else "no such weight" for part in (foreign, own))
        raise AdaptationError(_unfit(name, *shapes))
    first = next((name for name, kind in layers.items() if kind != "output"), next(iter(layers)))
    output = {name.removesuffix("weight") + part for name, kind in layers.items() if kind == "output" for part in PARTS}

    def fitted(name: str) -> np.ndarray:
        theirs, ours = foreign[name], own[name]
        if theirs.shape == ours.shape:
            return theirs
        if name in output and theirs.shape[1:] == ours.shape[1:]:  # other classes
            return ours
        if name == first and _differ_in_channels(theirs.shape, ours.shape):
            return _other_channels(theirs, ours.shape[1])
        raise AdaptationError(_unfit(name, str(theirs.shape), str(ours.shape)))

    return {name: fitted(name) for name in own}


PARTS = ("weight", "bias")


def _unfit(name: str, theirs: str, ours: str) -> str:
    return f"weight '{name}' of the source does not fit: it has shape {theirs} there and {ours} in this task's network"


def _differ_in_channels(theirs: tuple[int, ...], ours: tuple[int, ...]) -> bool:
    """Whether two shapes (filters, channels, ...) of kernels differ in channels alone, of which one of them has 1."""
    alike = (theirs[:1], theirs[2:]) == (ours[:1], ours[2:])
    return alike and len(theirs) > 2 and 1 in (theirs[1], ours[1])


def _other_channels(kernels: np.ndarray, channels: int) -> np.ndarray:
    """Kernels (filters, channels, ...) that do on a grey picture what they did before, or the mask of such kernels.

    One channel to several: repeated, and divided by their number. Several to one: summed. A position is kept where the
    one channel keeps it, and where any of the several does.
    """
    if kernels.dtype == bool:
        return kernels.any(axis=1, keepdims=True).repeat(channels, axis=1)
    return (kernels.sum(axis=1, keepdims=True) / np.float32(channels)).repeat(channels, axis=1)
