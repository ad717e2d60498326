"""Criteria by the size of a weight at both ends of a training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lth_core.registry import criterion
from lth_core.storage.tensors import Tensors


@criterion("large-init-large-final")
def large_init_large_final(trained_from: Tensors, trained: Tensors, mask: Tensors) -> Tensors:
    """Large at both ends: the smaller of the ranks of |w_i| and of |w_f| among the layer's surviving weights."""
    return _lower_rank(trained_from, trained, mask, np.abs)


@criterion("small-init-small-final")
def small_init_small_final(trained_from: Tensors, trained: Tensors, mask: Tensors) -> Tensors:
    """Small at both ends: the smaller of the ranks of -|w_i| and of -|w_f| among the layer's surviving weights."""
    return _lower_rank(trained_from, trained, mask, lambda weights: -np.abs(weights))


def _lower_rank(
    trained_from: Tensors, trained: Tensors, mask: Tensors, size: Callable[[np.ndarray], np.ndarray]
) -> Tensors:
    """Per surviving weight the lower of its two ranks in its layer, each in (0, 1]: to keep the highest is to keep
    what exceeds one percentile at both ends, at the percentile that leaves the wanted count.
    """
    scores = {}
    for name, kept in mask.items():
        scores[name] = np.zeros(kept.shape)
        scores[name][kept] = np.minimum(_ranks(size(trained_from[name][kept])), _ranks(size(trained[name][kept])))
    return scores


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of a vector, lowest first, in (0, 1]."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(1, len(values) + 1)
    return ranks / len(values)
