"""Levels of a density that is asked for: how many surviving weights are kept, and scores relative to their layer's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lth_core.config import Method
from lth_core.pruning.allocation import (
    AllocationError,
    counts_by_level,
    kept_counts,
    weights_of_level,
)
from lth_core.pruning.prune import Left, check_rankable
from lth_core.storage.tensors import Tensors


def allocated_counts(method: Method, layers: Mapping[str, str], level: int, mask: Tensors) -> Left:
    """Count the surviving weights that are kept: as many as `level` asks for, spread over `layers` by the allocation.

    `layers` maps weight names to kinds, in network order; `mask` has the weights' shapes. A mask with fewer weights
    than the level asks for keeps them all. Raises AllocationError for a density that the allocation cannot give.
    """
    shapes = {name: kept.shape for name, kept in mask.items()}
    surviving = {name: int(kept.sum()) for name, kept in mask.items()}
    total = min(weights_of_level(method, shapes, level), sum(surviving.values()))
    if method.allocation == "lamp" or (method.allocation == "rates" and method.scope == "global"):
        return total
    planned = counts_by_level(method, layers, shapes, level)[-1]
    if any(planned[name] > surviving[name] for name in planned):
        return kept_counts(method.allocation, layers, shapes, surviving, total)
    return planned


def lamp_scores(scores: Tensors, mask: Tensors) -> Tensors:
    """Score each surviving weight by its square over the sum of squares of those ranked no lower in its layer.

    Of magnitudes, these are the LAMP scores of Lee et al. 2021 (equation 2; sums in float64); scores of other criteria
    stand in for magnitudes. The highest of each layer is 1, so that a global ranking leaves every layer a weight as
    long as there are enough; equal scores are ranked as `prune` does. Raises AllocationError for scores below 0 or
    infinite, PruningError as `prune` does.
    """
    check_rankable(scores, mask)
    relative = {}
    for name, kept in mask.items():
        surviving = np.flatnonzero(kept)
        values = scores[name].ravel()[surviving].astype(np.float64)
        if (values < 0).any() or np.isinf(values).any():
            raise AllocationError(
                f"allocation: 'lamp' squares scores, which must be 0 or more and finite; those of {name} are not: use "
                "another criterion or allocation"
            )
        order = np.argsort(values, kind="stable")
        squares = np.square(values[order] / (values.max(initial=0) or 1))  # large scores must not overflow
        remaining = np.cumsum(squares[::-1])[::-1]
        lamp = np.divide(squares, remaining, out=np.zeros_like(squares), where=remaining > 0)
        lamp[-1:] = 1  # also where all scores are 0
        relative[name] = np.zeros(kept.shape)
        relative[name].ravel()[surviving[order]] = lamp
    return relative
