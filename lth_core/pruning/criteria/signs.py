"""Criteria by whether a weight kept, or changed, its sign in training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lth_core.pruning.criteria.magnitude import magnitude
from lth_core.pruning.criteria.weight_change import magnitude_increase
from lth_core.registry import criterion
from lth_core.storage.tensors import Tensors

TIE_BREAK = 1e-30
"""The largest score that breaks a tie among scores of 0: far below any difference between two weights."""


@criterion("large-final-same-sign")
def large_final_same_sign(trained_from: Tensors, trained: Tensors, mask: Tensors, rng: np.random.Generator) -> Tensors:
    """|w_f| where w_i has the sign of w_f; 0 elsewhere, in random order."""
    return _where_sign(np.equal, magnitude(trained, mask), trained_from, trained, rng)


@criterion("large-final-diff-sign")
def large_final_diff_sign(trained_from: Tensors, trained: Tensors, mask: Tensors, rng: np.random.Generator) -> Tensors:
    """|w_f| where w_i has another sign than w_f; 0 elsewhere, in random order."""
    return _where_sign(np.not_equal, magnitude(trained, mask), trained_from, trained, rng)


@criterion("magnitude-increase-same-sign")
def magnitude_increase_same_sign(
    trained_from: Tensors, trained: Tensors, mask: Tensors, rng: np.random.Generator
) -> Tensors:
    """|w_f| - |w_i| where w_i has the sign of w_f; 0 elsewhere, in random order."""
    return _where_sign(np.equal, magnitude_increase(trained_from, trained, mask), trained_from, trained, rng)


@criterion("magnitude-increase-diff-sign")
def magnitude_increase_diff_sign(
    trained_from: Tensors, trained: Tensors, mask: Tensors, rng: np.random.Generator
) -> Tensors:
    """|w_f| - |w_i| where w_i has another sign than w_f; 0 elsewhere, in random order."""
    return _where_sign(np.not_equal, magnitude_increase(trained_from, trained, mask), trained_from, trained, rng)


def _where_sign(
    compare: Callable[[np.ndarray, np.ndarray], np.ndarray],
    scores: Tensors,
    trained_from: Tensors,
    trained: Tensors,
    rng: np.random.Generator,
) -> Tensors:
    """The scores of the weights whose signs before and after training compare so; the others score 0, ties random."""
    return {
        name: np.where(
            compare(np.sign(trained_from[name]), np.sign(trained[name])), score, TIE_BREAK * rng.random(score.shape)
        )
        for name, score in scores.items()
    }
