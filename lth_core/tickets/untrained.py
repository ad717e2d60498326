"""Untrained weights that masks are looked for in: those that were drawn, or constants of their signs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from lth_core.pruning.prune import Left, ranked_together
from lth_core.storage.tensors import Tensors

Values = Literal["initial", "constant"]
"""What kept weights are: their values in theta_0, or signed constants."""


def untrained(weights: Tensors, layers: Iterable[str], values: Values) -> Tensors:
    """Return one replicate's theta_0, or replace every weight of the layers by a constant of its sign.

    The constant is the standard deviation of the layer.
    """
    if values == "initial":
        return weights
    return weights | {name: np.copysign(weights[name].std(), weights[name]) for name in layers}


def scaled(weights: Tensors, left: Left, layers: Iterable[str]) -> Tensors:
    """Divide each layer of one replicate's weights by the root of the density that it will have.

    The density is that of all layers together where `left` counts the weights of all (Ramanujan et al. 2020, 5.2).
    """
    smaller = dict(weights)
    for names, count in ranked_together(left, layers).items():
        root = np.sqrt(count / sum(weights[name].size for name in names))
        smaller |= {name: weights[name] / root.astype(weights[name].dtype) for name in names if count}
    return smaller
