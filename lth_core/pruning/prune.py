"""Pruning: scores and a mask -> a smaller mask, with exact counts.

All functions see one replicate. Removing a fraction f of n surviving weights removes round(f * n) of them; among equal
scores the weight that comes first in memory goes first, so counts are exact whatever the ties and masks repeat bit by
bit (Zhou et al. 2019 break ties at random: another mask where many scores are exactly 0, as `movement` and
`magnitude-increase` score the weights of pixels that are black in all images).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lth_core.pruning.rates import removed_count
from lth_core.storage.tensors import Tensors

if TYPE_CHECKING:
    from jaxtyping import Bool, Shaped


class PruningError(ValueError):
    """A method that cannot prune this network, in one line."""


def full_mask(weights: Tensors, layers: Mapping[str, str]) -> Tensors:
    """Return the mask of level 0: booleans of the weights' shapes, everything kept."""
    return {name: np.ones(weights[name].shape, dtype=bool) for name in layers}


def _remove_lowest(
    scores: Shaped[np.ndarray, " weights"], kept: Bool[np.ndarray, " weights"], count: int
) -> Bool[np.ndarray, " weights"]:
    """`kept` without its `count` lowest-scored entries; of equal scores, those that come first."""
    surviving = np.flatnonzero(kept)
    smaller = kept.copy()
    if count:
        values = scores[surviving]
        highest = np.partition(values, count - 1)[count - 1]  # of those that go: a whole sort takes ten times as long
        lower, equal = values < highest, np.flatnonzero(values == highest)
        smaller[surviving[lower]] = False
        smaller[surviving[equal[: count - lower.sum()]]] = False
    return smaller


Left = int | Mapping[str, int] | Mapping[tuple[str, ...], int]
"""How many weights are kept: of all layers together, of each, or of several that are ranked together."""


def ranked_together(left: Left, layers: Iterable[str]) -> dict[tuple[str, ...], int]:
    """Map the layers whose weights are ranked together to how many of these are kept."""
    if isinstance(left, int):
        return {tuple(layers): left}
    return {(key,) if isinstance(key, str) else key: count for key, count in left.items()}


def prune(scores: Tensors, mask: Tensors, fraction: Mapping[str, float], scope: str) -> Tensors:
    """Remove the lowest-scored surviving weights: `fraction` of each layer, or of all layers together.

    `scores` and `mask` (booleans, True: kept) have the weights' shapes; `scope` is `layer` or `global`. Raises
    PruningError for scores that are missing, of another shape, or not a number.
    """
    return keep(scores, mask, left_by_rates(mask, fraction, scope))


def left_by_rates(mask: Tensors, fraction: Mapping[str, float], scope: str) -> Left:
    """Count what is left without `fraction` of the surviving weights of each layer, or of all layers together.

    Layers with another fraction than others are ranked apart from these even then.
    """
    surviving = {name: int(kept.sum()) for name, kept in mask.items()}
    if scope == "layer":
        return {name: count - removed_count(count, fraction[name]) for name, count in surviving.items()}
    groups: dict[float, tuple[str, ...]] = {}
    for name in mask:
        groups[fraction[name]] = (*groups.get(fraction[name], ()), name)
    totals = {names: sum(surviving[name] for name in names) for names in groups.values()}
    left = {names: totals[names] - removed_count(totals[names], rate) for rate, names in groups.items()}
    return left if len(left) > 1 else next(iter(left.values()))


def keep(scores: Tensors, mask: Tensors, left: Left) -> Tensors:
    """Keep the `left` highest-scored surviving weights; raises PruningError as `prune` does."""
    parts: Tensors = {}
    for names, count in ranked_together(left, mask).items():
        parts |= keep_of_all(scores, {name: mask[name] for name in names}, count)
    return {name: parts[name] for name in mask}


def keep_of_all(scores: Tensors, mask: Tensors, left: int) -> Tensors:
    """Rank all surviving weights together and keep the `left` highest; raises PruningError as `prune` does."""
    check_rankable(scores, mask)
    flat_scores = np.concatenate([scores[name].ravel() for name in mask])
    flat_mask = np.concatenate([kept.ravel() for kept in mask.values()])
    smaller = _remove_lowest(flat_scores, flat_mask, int(flat_mask.sum()) - left)
    ends = np.cumsum([kept.size for kept in mask.values()])[:-1]
    parts = zip(mask.items(), np.split(smaller, ends), strict=True)
    return {name: part.reshape(kept.shape) for (name, kept), part in parts}


def check_rankable(scores: Tensors, mask: Tensors) -> None:
    """Raise PruningError unless every surviving weight has a score that is a number."""
    for name, kept in mask.items():
        score = scores.get(name)
        if score is None or score.shape != kept.shape:
            raise PruningError(f"the criterion gave no score of shape {kept.shape} for {name}")
        if np.isnan(score[kept]).any():
            raise PruningError(f"the criterion's scores of {name} are not numbers, though what it looks at is")


def counts(masks: Sequence[Tensors], ended: Sequence[bool] = ()) -> dict[str, object]:
    """Count a cohort's masks for their file's header: per layer, the weights kept in each replicate and the total.

    The density is over all weights of the masks, averaged over replicates (which differ at most where a mask was made
    for another network). `diverged` tells which chains have `ended` (by default none has): which weights their masks
    keep means nothing, and the density is that of the other replicates, where there are any.
    """
    kept = {name: [int(mask[name].sum()) for mask in masks] for name in masks[0]}
    total = {name: value.size for name, value in masks[0].items()}
    ended = list(ended) or [False] * len(masks)
    counted = [index for index, diverged in enumerate(ended) if not diverged] or range(len(masks))
    density = sum(of_layer[index] for of_layer in kept.values() for index in counted)
    return {"density": density / (len(counted) * sum(total.values())), "kept": kept, "total": total, "diverged": ended}
