"""Ranking of weights while they train: exact counts whatever the ties, as where levels are pruned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from lth_core.pruning.prune import Left, ranked_together

if TYPE_CHECKING:
    from torch import Tensor


def highest(scores: Tensor, count: int, among: Tensor) -> Tensor:
    """Choose the `count` highest scores among those where `among` is True; of equal ones those last in memory.

    All have one shape; `among` and the result are booleans. Scores that are no numbers, as those of replicates that
    have diverged, are the lowest.
    """
    import torch  # here, as planning imports the modules of all sparsifiers

    if count == 0:
        return torch.zeros_like(among)
    least = torch.finfo(scores.dtype).min
    values = scores.nan_to_num(least, torch.inf, least)
    lowest = _lowest_of(values, count, among)
    chosen, equal = (among & (values > lowest)).flatten(), (among & (values == lowest)).flatten().nonzero().flatten()
    chosen[equal[len(equal) - (count - int(chosen.sum())) :]] = True
    return chosen.view_as(among)


def _lowest_of(values: Tensor, count: int, among: Tensor) -> float:
    """The lowest of the `count` highest values."""
    if values.device.type == "cpu":
        candidates = values.numpy()[among.numpy()]
        return float(np.partition(candidates, -count)[-count])  # in a tenth of the time of kthvalue
    candidates = values[among]
    return float(candidates.kthvalue(len(candidates) - count + 1).values)


def highest_of_all(scores: Mapping[str, Tensor], count: int, among: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Choose the `count` highest scores of all tensors together, as `highest` does of one."""
    import torch

    joined = [torch.cat([values[name].flatten() for name in scores]) for values in (scores, among)]
    parts = highest(joined[0], count, joined[1]).split([score.numel() for score in scores.values()])
    return {name: part.view_as(score) for (name, score), part in zip(scores.items(), parts, strict=True)}


def highest_of_layers(scores: Mapping[str, Tensor], left: Left) -> dict[str, Tensor]:
    """Choose the highest scores, as many as `left` says of what is ranked together; ties as in `highest`."""
    import torch

    chosen = {}
    for names, count in ranked_together(left, scores).items():
        flat = [scores[name].flatten() for name in names]
        parts = _highest(torch.cat(flat) if len(flat) > 1 else flat[0], count)
        chosen |= dict(zip(names, parts.split([len(values) for values in flat]), strict=True))
    return {name: chosen[name].view_as(values) for name, values in scores.items()}


def _highest(scores: Tensor, count: int) -> Tensor:
    """Choose the `count` highest scores of all, in half the time of `highest` where no two are equal."""
    import torch

    if 0 < count < scores.numel() and scores.device.type == "cpu":
        values = scores.numpy().ravel()
        lowest = np.partition(values, len(values) - count)[len(values) - count]
        kept = values >= lowest
        if np.count_nonzero(kept) == count:  # not so among ties and what are no numbers
            return torch.from_numpy(kept).view_as(scores)
    return highest(scores, count, torch.ones_like(scores, dtype=torch.bool))
