"""Groups of hidden units, which can be permuted, or removed, together: where they lie in a network's tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lth_core.storage.tensors import Tensors


@dataclass(frozen=True, order=True)
class TensorAxis:
    """An axis of a tensor along which a group's units lie: from entry `first` on, each as `repeats` that follow."""

    tensor: str
    axis: int
    repeats: int = 1
    first: int = 0

    def entries(self, units: np.ndarray) -> np.ndarray:
        """List the entries of the units along the axis."""
        return (self.first + units[:, None] * self.repeats + np.arange(self.repeats)).ravel()


@dataclass(frozen=True)
class Group:
    """`size` units that keep the function if they are permuted along all their axes at once."""

    size: int
    axes: tuple[TensorAxis, ...]
    heads: tuple[str, ...] = ()
    """Attention whose heads they are (sequences.py), by the path of its module."""

    def permute(self, weights: Tensors, order: np.ndarray) -> Tensors:
        """Return the tensors of one replicate with unit order[i] at position i."""
        changed = dict(weights)
        for along in self.axes:
            entries = np.arange(changed[along.tensor].shape[along.axis])
            entries[along.entries(np.arange(self.size))] = along.entries(order)
            changed[along.tensor] = np.take(changed[along.tensor], entries, axis=along.axis)
        return changed


def rows_and_columns(group: Group, axes_of: dict[str, int]) -> tuple[list[TensorAxis], list[TensorAxis]]:
    """Split what a group's units are rows of, and what they are columns of, given how many axes each tensor has."""
    matrices = [along for along in group.axes if axes_of[along.tensor] > 1]
    return [along for along in matrices if along.axis == 0], [along for along in matrices if along.axis == 1]
