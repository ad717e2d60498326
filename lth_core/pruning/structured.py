"""Structured pruning: whole filters of convolutions and whole neurons of linear layers (Li et al. 2017, section 3).

A filter is a row of a weight: all that one output channel or neuron is computed from. Its score is the sum of its
weights' scores, so that `magnitude` ranks filters by their L1 norm. Masks stay boolean tensors of the weights' shapes,
with whole rows False. All functions see one replicate.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lth_core.artifacts import Tensors
from lth_core.filters import filters_left
from lth_core.pruning.prune import PruningError, prune


def prune_filters(scores: Tensors, mask: Tensors, fraction: Mapping[str, float]) -> Tensors:
    """Remove the lowest-scored surviving filters: of n in a layer, round(fraction * n).

    Raises FilterError for a layer that would be left without any, PruningError for scores as `prune` does.
    """
    for name, kept in mask.items():
        if name in scores and scores[name].shape != kept.shape:
            raise PruningError(f"the criterion gave no score of shape {kept.shape} for {name}")
    of_filters = {name: _rows(score).sum(axis=1, dtype=np.float64) for name, score in scores.items()}
    filters = {name: _rows(kept).any(axis=1) for name, kept in mask.items()}
    for name, there in filters.items():
        filters_left(name, int(there.sum()), fraction[name])
    left = prune(of_filters, filters, fraction, "layer")
    return {name: kept & left[name].reshape(-1, *[1] * (kept.ndim - 1)) for name, kept in mask.items()}


def _rows(weights: np.ndarray) -> np.ndarray:
    """(filters, ...) -> (filters, weights of each)."""
    return weights.reshape(len(weights), -1)
