"""Structured pruning: whole filters of convolutions and whole neurons of linear layers (Li et al. 2017, section 3).

A filter is a row of a weight: all that one output channel or neuron is computed from. Its score is the sum of its
weights' scores, so that `magnitude` ranks filters by their L1 norm. Masks stay boolean tensors of the weights' shapes,
with whole rows False. All functions see one replicate.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

import numpy as np

from lth_core.artifacts import Tensors
from lth_core.config import Method
from lth_core.pruning.prune import PruningError, prune


def filter_fractions(method: Method, layers: Mapping[str, str], level: int) -> dict[str, float]:
    """Per layer, the fraction of the surviving filters that the prune job of `level` removes; 0 for those not named.

    The first pattern that matches a weight's name counts. Iterative methods remove it in every round, one-shot methods
    at once what as many rounds would remove. Raises PruningError for a pattern that matches nothing, or the output
    layer, whose rows are the classes.
    """
    found = {}
    for name, kind in layers.items():
        rate = next((rate for pattern, rate in method.fractions.items() if fnmatchcase(name, pattern)), 0.0)
        if rate and kind == "output":
            raise PruningError(f"fractions: '{name}' is the output layer, whose rows are the classes: they must stay")
        found[name] = rate if method.iterative else 1 - (1 - rate) ** level
    for pattern in method.fractions:
        if not any(fnmatchcase(name, pattern) for name in layers):
            raise PruningError(f"fractions: '{pattern}' matches no weight of the network ({', '.join(layers)})")
    return found


def prune_filters(scores: Tensors, mask: Tensors, fraction: Mapping[str, float]) -> Tensors:
    """Remove the lowest-scored surviving filters: of n in a layer, round(fraction * n).

    Raises PruningError for a layer that would be left without any, and for scores as `prune` does.
    """
    for name, kept in mask.items():
        if name in scores and scores[name].shape != kept.shape:
            raise PruningError(f"the criterion gave no score of shape {kept.shape} for {name}")
    of_filters = {name: _rows(np.where(mask[name], score, 0)).sum(axis=1) for name, score in scores.items()}
    filters = {name: _rows(kept).any(axis=1) for name, kept in mask.items()}
    left = prune(of_filters, filters, fraction, "layer")
    for name, kept in left.items():
        if filters[name].any() and not kept.any():
            raise PruningError(
                f"fractions: {fraction[name]:.4g} of {name} would leave none of its {filters[name].sum()} filters: "
                "make it smaller, or prune fewer levels"
            )
    return {name: kept & left[name].reshape(-1, *[1] * (kept.ndim - 1)) for name, kept in mask.items()}


def _rows(weights: np.ndarray) -> np.ndarray:
    """(filters, ...) -> (filters, weights of each), in double precision where they are numbers."""
    flat = weights.reshape(len(weights), -1)
    return flat if flat.dtype == bool else flat.astype(np.float64)
