"""Allocation: how many weights each layer keeps, so that a network has exactly the density that is asked for.

All functions see one replicate. Layers share the weights in proportion to an allocation's amounts: the size of a layer
(`uniform`), or its size times what is smaller in wide layers (`erdos-renyi`). No layer keeps more than it has, or less
than one weight. A layer that would break such a bound stays at it and the others share the rest anew, until all fit:
cut once, layers would keep too few weights in all.

Masks are nested. What the level before leaves in a layer is a bound, too: where an allocation would give a layer more,
by a rounded weight or because the mask before was made in another way, it keeps what it has and the others have less.
One-shot methods have the counts of iterative ones, so that levels that rank the same scores are nested as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from lth_core.config import Method
from lth_core.metrics import counted

if TYPE_CHECKING:
    from jaxtyping import Float

Shapes = Mapping[str, Sequence[int]]

OUTPUT_SHARE = 0.2
"""The least share of the output layer that `uniform-plus` keeps (Gale et al. 2019, section 5)."""


class AllocationError(ValueError):
    """A density that an allocation cannot spread over a network's layers, in one line."""


def is_allocated(method: Method) -> bool:
    """Tell whether a method's levels have densities of the whole network, rather than rates of what is left."""
    return bool(method.densities) or method.allocation != "rates"


def kept_counts(
    allocation: str, layers: Mapping[str, str], shapes: Shapes, surviving: Mapping[str, int], total: int
) -> dict[str, int]:
    """Count the weights that each layer keeps of those `surviving`: `total` in all.

    Shares are rounded by largest remainder; among equal remainders the first layer keeps the weight more. Raises
    AllocationError for a total below the least that the allocation can give.
    """
    return rounded(layers, shares_of_layers(allocation, layers, shapes, surviving, float(total)), total)


def rounded(layers: Iterable[str], shares: Float[np.ndarray, " layers"], total: int) -> dict[str, int]:
    """Round the shares of layers to whole weights, `total` in all, by largest remainder; among equals the first."""
    whole = np.floor(shares).astype(int)
    remainders = np.round(shares - whole, 6)  # equal up to rounding is equal
    whole[np.argsort(-remainders, kind="stable")[: total - whole.sum()]] += 1
    return {name: int(count) for name, count in zip(layers, whole, strict=True)}


def counts_by_level(method: Method, layers: Mapping[str, str], shapes: Shapes, last: int) -> list[dict[str, int]]:
    """Count the weights that each layer keeps at the levels from 1 to `last`, each within the counts before.

    Raises AllocationError for a level below the least that the allocation can give.
    """
    left, counts = {name: prod(shapes[name]) for name in layers}, []
    for level in range(1, last + 1):
        total = weights_of_level(method, {name: shapes[name] for name in layers}, level)
        try:
            left = kept_counts(method.allocation, layers, shapes, left, total)
        except AllocationError as error:
            raise AllocationError(f"{error}, and level {level} keeps {total:,}: prune fewer levels, or less") from None
        counts.append(left)
    return counts


def check_allocation(method: Method, layers: Mapping[str, str], shapes: Shapes) -> None:
    """Go through all levels of a method on a network. Raises AllocationError."""
    if method.allocation == "rates" and method.scope == "global" and method.densities:
        sizes = {name: shapes[name] for name in layers}
        if (left := weights_of_level(method, sizes, method.levels)) < len(sizes):
            size = sum(map(prod, sizes.values()))
            raise AllocationError(
                f"densities: level {method.levels} keeps {left:,} of {size:,} weights, less than one for each of "
                f"{counted(len(sizes), 'layers')}: prune less"
            )
    elif is_allocated(method):
        counts_by_level(method, layers, shapes, method.levels)


def weights_of_level(method: Method, shapes: Shapes, level: int) -> int:
    """The weights that a level keeps in all layers together."""
    return round(method.density(level) * sum(map(prod, shapes.values())))


def shares_of_layers(
    allocation: str, layers: Mapping[str, str], shapes: Shapes, surviving: Mapping[str, int], total: float
) -> Float[np.ndarray, " layers"]:
    """Share `total` weights among the layers, before rounding to whole ones.

    Raises AllocationError for a total below the least that the allocation can give.
    """
    sizes = np.array([prod(shapes[name]) for name in layers], float)
    most = np.array([surviving[name] for name in layers], float)
    least = np.minimum(np.maximum(1, _least(allocation, layers, sizes)), most)
    if total < least.sum():
        raise AllocationError(
            f"allocation: '{allocation}' keeps at least {least.sum():,.0f} of {sizes.sum():,.0f} weights "
            f"({'a first convolution, a fifth of the output layer, ' * (allocation == 'uniform-plus')}one per layer)"
        )
    return clipped(sizes * [_sparseness(allocation, shapes[name]) for name in layers], least, most, total)


def _sparseness(allocation: str, shape: Sequence[int]) -> float:
    """What a layer's density is in proportion to: its weight has `shape`, outputs and inputs first, then the kernel.

    Erdos-Renyi: Mocanu et al. 2018, equation 1; with the kernel: Evci et al. 2020, section 3. The same for matrices.
    """
    if allocation == "erdos-renyi":
        return sum(shape[:2]) / prod(shape[:2])
    return sum(shape) / prod(shape) if allocation == "erdos-renyi-kernel" else 1.0


def _least(
    allocation: str, layers: Mapping[str, str], sizes: Float[np.ndarray, " layers"]
) -> Float[np.ndarray, " layers"]:
    """The weights that each layer keeps at any density. The first layer is the first that the method prunes."""
    kinds = np.array([*layers.values()])
    if allocation != "uniform-plus":
        return np.zeros(len(sizes))
    is_first = (np.arange(len(sizes)) == 0) & (kinds == "conv")
    return np.where(is_first, sizes, np.where(kinds == "output", np.ceil(OUTPUT_SHARE * sizes), 0))


def clipped(
    amounts: Float[np.ndarray, " layers"],
    least: Float[np.ndarray, " layers"],
    most: Float[np.ndarray, " layers"],
    total: float,
) -> Float[np.ndarray, " layers"]:
    """Return clip(x * amounts, least, most) with the x for which it sums to `total`.

    The sum is linear in x between bends.
    """
    bends = np.sort(np.concatenate([least / amounts, most / amounts]))
    sums = np.clip(np.outer(bends, amounts), least, most).sum(axis=1)
    x = np.interp(total, np.maximum.accumulate(sums), bends)
    return np.clip(x * amounts, least, most)
