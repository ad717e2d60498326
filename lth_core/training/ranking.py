"""Ranking of weights while they train: exact counts whatever the ties, as where levels are pruned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

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
