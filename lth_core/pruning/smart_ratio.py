"""Smart ratios: what each layer keeps of a random ticket, by its depth alone (Su et al. 2020, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from lth_core.pruning.allocation import AllocationError, Shapes, clipped, rounded

if TYPE_CHECKING:
    from jaxtyping import Float

OUTPUT_SHARE = 0.3
"""The share of the output layer that is kept at any density."""


def smart_ratio_counts(
    layers: Mapping[str, str], shapes: Shapes, total: int, *, depth_power: float = 0.0, ascending: bool = False
) -> dict[str, int]:
    """Count the weights that each layer keeps: `total` in all.

    Layer l of L keeps a share in proportion to (L - l + 1)^2 + (L - l + 1), over l^depth_power; `ascending` turns the
    order round. The output layer, which is not counted in L, keeps a fixed share. What is beyond the size of a layer
    goes to the layers after it, or before it where these are full; no layer keeps less than one weight.

    Args:
        layers: weight names -> kinds, in network order.
        shapes: of the weights.
        total: the weights that are kept in all.
        depth_power: 0 is the rule for ResNets, 2 the one for VGGs.
        ascending: whether the last layer keeps the largest share, as an ablation.

    Raises:
        AllocationError: for a `total` that the layers beside the output layer cannot make up.
    """
    sizes = {name: prod(shapes[name]) for name in layers}
    counts = {name: round(OUTPUT_SHARE * sizes[name]) for name, kind in layers.items() if kind == "output"}
    others = np.array([size for name, size in sizes.items() if name not in counts], float)
    fixed = sum(counts.values())
    if not len(others) <= total - fixed <= others.sum():
        raise AllocationError(
            f"smart-ratio keeps {fixed:,} weights of the output layer, and {len(others):,} to {others.sum():,.0f} of "
            f"the others: a ticket of {total:,} weights is outside"
        )
    depth = np.arange(1, len(others) + 1)
    ratios = (depth[::-1] ** 2 + depth[::-1]) / depth**depth_power
    amounts = (ratios[::-1] if ascending else ratios) * others
    shares = clipped(amounts, np.ones(len(others)), np.full(len(others), float(total)), float(total - fixed))
    names = [name for name in layers if name not in counts]
    counts |= rounded(names, _spilled(shares, others), total - fixed)
    return {name: counts[name] for name in layers}


def _spilled(shares: Float[np.ndarray, " layers"], sizes: Float[np.ndarray, " layers"]) -> Float[np.ndarray, " layers"]:
    """The shares within the sizes: what is beyond a layer's goes to the next, and from the last one back."""
    within, excess = shares.copy(), 0.0
    for layer in [*range(len(sizes)), *reversed(range(len(sizes)))]:
        wanted = within[layer] + excess
        within[layer] = min(wanted, sizes[layer])
        excess = wanted - within[layer]
    return within
