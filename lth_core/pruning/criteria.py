"""Criteria: what scores a weight. The lowest scores are pruned.

Most are the mask criteria of Zhou et al. 2019 (table 1 and figure S1), written in w_i (`trained_from`) and w_f
(`trained`).

A criterion sees one replicate and returns one score per weight of every masked layer. Its arguments, by name:
`initial` (theta_0), `trained_from` (the weights that the last training started from), `trained` (the weights that it
ended with), `mask` (True where a weight is left) and `rng` (a random generator of its own). Scores of weights that are
pruned already are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lth_core.registry import criterion
from lth_core.storage.tensors import Tensors

TIE_BREAK = 1e-30
"""The largest score that breaks a tie among scores of 0: far below any difference between two weights."""


@criterion("magnitude")
@criterion("large-final")
def magnitude(trained: Tensors, mask: Tensors) -> Tensors:
    """|w_f|: the criterion of Frankle & Carbin 2019, section 2; Zhou et al. 2019 call it large final."""
    return {name: np.abs(trained[name]) for name in mask}


@criterion("magnitude-at-init")
def magnitude_at_init(initial: Tensors, mask: Tensors) -> Tensors:
    """|w| before any training (Frankle & Carbin 2019, appendix F.4)."""
    return {name: np.abs(initial[name]) for name in mask}


@criterion("random")
def random(mask: Tensors, rng: np.random.Generator) -> Tensors:
    """Uniform noise: a random subset of what is left."""
    return {name: rng.random(kept.shape) for name, kept in mask.items()}


# ---------------------------------------------------------------- one end of training


@criterion("small-final")
def small_final(trained: Tensors, mask: Tensors) -> Tensors:
    """-|w_f|: the opposite of magnitude."""
    return {name: -np.abs(trained[name]) for name in mask}


@criterion("large-init")
def large_init(trained_from: Tensors, mask: Tensors) -> Tensors:
    """|w_i|, of what the last training started from (`magnitude-at-init` is of theta_0)."""
    return {name: np.abs(trained_from[name]) for name in mask}


@criterion("small-init")
def small_init(trained_from: Tensors, mask: Tensors) -> Tensors:
    """-|w_i|."""
    return {name: -np.abs(trained_from[name]) for name in mask}


# ---------------------------------------------------------------- both ends of training


@criterion("large-init-large-final")
def large_init_large_final(trained_from: Tensors, trained: Tensors, mask: Tensors) -> Tensors:
    """Large at both ends: the smaller of the ranks of |w_i| and of |w_f| among the layer's surviving weights."""
    return _lower_rank(trained_from, trained, mask, np.abs)


@criterion("small-init-small-final")
def small_init_small_final(trained_from: Tensors, trained: Tensors, mask: Tensors) -> Tensors:
    """Small at both ends: the smaller of the ranks of -|w_i| and of -|w_f| among the layer's surviving weights."""
    return _lower_rank(trained_from, trained, mask, lambda weights: -np.abs(weights))


@criterion("magnitude-increase")
def magnitude_increase(trained_from: Tensors, trained: Tensors, mask: Tensors) -> Tensors:
    """|w_f| - |w_i|."""
    return {name: np.abs(trained[name]) - np.abs(trained_from[name]) for name in mask}


@criterion("movement")
def movement(trained_from: Tensors, trained: Tensors, mask: Tensors) -> Tensors:
    """|w_f - w_i|."""
    return {name: np.abs(trained[name] - trained_from[name]) for name in mask}


# ---------------------------------------------------------------- weights that kept, or changed, their sign


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
