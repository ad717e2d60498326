"""Alignment: the hidden units of one network permuted to match those of another, which leaves its function as it is.

Weight matching by coordinate descent (Ainsworth et al. 2023, section 3.2 and algorithm 1): in turn, each group of units
is permuted to maximize the inner product of the two networks' weights, which is a linear assignment while the other
groups are held. That finds the nearest permutation only as far as descent from the unpermuted network goes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from lth_core.models.symmetries import Group, TensorAxis
from lth_core.storage.tensors import Tensors

IMPROVEMENT = 1e-9
"""Inner products must grow by more than this, in proportion to the squared weights: less is rounding."""


def align(
    first: Tensors, second: Tensors, groups: Sequence[Group], matched: Collection[str], rng: np.random.Generator
) -> Tensors:
    """Permute the second network's units to match the first's; networks are one replicate's tensors by name.

    Only the tensors named in `matched` (a network's parameters) are compared; the others (statistics of batch norm)
    move with their units. Groups take turns in the random order of each sweep, until a sweep changes nothing. Diverged
    networks, with weights that are not finite or too large to multiply, are not aligned.
    """
    networks = (first, second)
    if not all(np.isfinite(network[name]).all() for network in networks for name in matched):
        return second
    current, moved = second, True
    while moved:
        moved = False
        for index in rng.permutation(len(groups)):
            candidate = _match(first, current, groups[index], matched)
            moved |= candidate is not current
            current = candidate
    return current


def _match(first: Tensors, second: Tensors, group: Group, matched: Collection[str]) -> Tensors:
    """The second network with one group in its best order, or itself where that gains nothing."""
    from scipy.optimize import linear_sum_assignment

    axes = [along for along in group.axes if along.tensor in matched]
    with np.errstate(over="ignore", invalid="ignore"):
        products = sum(_units(first, along) @ _units(second, along).T for along in axes)
    if not np.isfinite(products).all():
        return second
    _, order = linear_sum_assignment(products, maximize=True)
    candidate = group.permute(second, order)
    tensors = {along.tensor for along in axes}
    gain = sum(np.vdot(first[name].astype(np.float64), candidate[name] - second[name]) for name in tensors)
    size = sum(np.vdot(first[name], first[name]) for name in tensors)
    return candidate if gain > IMPROVEMENT * size else second


def _units(weights: Tensors, along: TensorAxis) -> np.ndarray:
    """All entries of each unit along one axis, as (units, entries)."""
    tensor = np.moveaxis(weights[along.tensor], along.axis, 0)
    return tensor.reshape(len(tensor) // along.repeats, -1)
