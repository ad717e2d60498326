"""Structured pruning: whole filters of convolutions and whole neurons of linear layers (Li et al. 2017, section 3), or
whole channels (channels.py).

A filter is a row of a weight: all that one output channel or neuron is computed from. Its score is the sum of its
weights' scores, so that `magnitude` ranks filters by their L1 norm. With it go the weights that read it: its columns in
the next layer, even if a method excludes that layer. Masks stay boolean tensors of the weights' shapes, with whole rows
and columns False, so that densities are those of the smaller network that is left. All functions see one replicate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lth_core.config import Method
from lth_core.pruning.channels import Channels, channels_left, channels_left_of_all
from lth_core.pruning.filters import filters_left
from lth_core.pruning.prune import PruningError, check_rankable, prune
from lth_core.storage.tensors import Tensors

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Shaped

Consumers = Mapping[str, Sequence]
"""The weights whose filters can be removed -> the weight that reads them, with columns per filter."""


def reading_weights(fraction: Mapping[str, float], consumers: Consumers) -> list[str]:
    """List the weights that lose columns where `fraction` of each layer's filters go."""
    return [consumers[name][0] for name, rate in fraction.items() if rate and name in consumers]


def prune_filters(scores: Tensors, mask: Tensors, fraction: Mapping[str, float], consumers: Consumers) -> Tensors:
    """Remove the lowest-scored surviving filters: of n in a layer, round(fraction * n), and what reads them.

    The sums are over weights that the mask keeps: all layers are ranked before any column goes (what Li et al. 2017,
    section 3.2, call independent pruning). Layers of the mask without a fraction, which a method excludes, are not
    ranked and lose columns only. Raises FilterError for a layer that would be left without any, PruningError for scores
    as `prune` does.
    """
    ranked = {name: mask[name] for name in fraction}
    for name, kept in ranked.items():
        if name in scores and scores[name].shape != kept.shape:
            raise PruningError(f"the criterion gave no score of shape {kept.shape} for {name}")
    of_filters = {
        name: _rows(np.where(kept, scores[name], 0)).sum(axis=1, dtype=np.float64)
        for name, kept in ranked.items()
        if name in scores
    }
    filters = {name: np.asarray(_rows(kept).any(axis=1)) for name, kept in ranked.items()}
    for name, surviving in filters.items():
        filters_left(name, int(surviving.sum()), fraction[name])
    left = prune(of_filters, filters, fraction, "layer")
    smaller = dict(mask)
    for name, kept in ranked.items():
        smaller[name] = kept & left[name].reshape(-1, *[1] * (kept.ndim - 1))
    for producer, (consumer, columns) in consumers.items():
        if producer in left and consumer in smaller:
            kept = smaller[consumer]
            smaller[consumer] = kept & np.repeat(left[producer], columns).reshape(1, -1, *[1] * (kept.ndim - 2))
    return smaller


def _rows(weights: Shaped[np.ndarray, "filters ..."]) -> Shaped[np.ndarray, "filters weights"]:
    """Each filter's weights in a row."""
    return weights.reshape(len(weights), -1)


# ---------------------------------------------------------------- channels


def prune_channels(
    method: Method, groups: Sequence[Channels], level: int, scores: Tensors, mask: Tensors, others: Tensors
) -> Tensors:
    """Remove the lowest-scored surviving channels, with their rows and columns.

    `mask` has the ranked layers, `others` the weights beside them that lose columns (`weights_beside`). Groups are
    ranked by themselves or, with scope `global`, together; then the best channel of each stays. Among equal scores the
    channel that comes first goes first. Raises FilterError as `channels_left` does, PruningError for scores as `prune`
    does.
    """
    check_rankable(scores, mask)
    surviving = [group.surviving(mask) for group in groups]
    ranked = [group.scores(scores, mask, method.channel_score) for group in groups]
    if method.scope == "global":
        count = sum(int(kept.sum()) for kept in surviving)
        kept = _highest_of_all(ranked, surviving, channels_left_of_all(method, groups, count, level))
    else:
        left = channels_left(method, groups, [int(kept.sum()) for kept in surviving], level)
        kept = [_highest(values, of, count) for values, of, count in zip(ranked, surviving, left, strict=True)]
    smaller = {**mask, **others}
    for group, channels, before in zip(groups, kept, surviving, strict=True):
        if not np.array_equal(channels, before):
            group.remove(smaller, channels)
    return smaller


def _highest(
    scores: Float[np.ndarray, " channels"], surviving: Bool[np.ndarray, " channels"], count: int
) -> Bool[np.ndarray, " channels"]:
    """The `count` highest-scored ones of the surviving."""
    indices = np.flatnonzero(surviving)
    order = np.argsort(scores[indices], kind="stable")
    kept = np.zeros_like(surviving)
    kept[indices[order[len(indices) - count :]]] = True
    return kept


def _highest_of_all(scores: Sequence[np.ndarray], surviving: Sequence[np.ndarray], count: int) -> list[np.ndarray]:
    """The best of each group and, of the others, the highest-scored ones: `count` in all."""
    best = [_highest(values, of, 1) for values, of in zip(scores, surviving, strict=True)]
    others = np.concatenate(surviving) & ~np.concatenate(best)
    kept = _highest(np.concatenate(scores), others, count - len(best)) | np.concatenate(best)
    return np.split(kept, np.cumsum([len(values) for values in scores])[:-1])
