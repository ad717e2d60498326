"""Ranking of weights while they train: exact counts whatever the ties, as where levels are pruned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def highest(scores: Tensor, count: int, among: Tensor) -> Tensor:
    """Choose the `count` highest scores among those where `among` is True; of equal ones those last in memory.

    All have one shape; the result and `among` are booleans. Scores that are no numbers, as those of replicates that have diverged, are the lowest of them.
    """
    import torch  # here, as planning imports the modules of all sparsifiers

    chosen = torch.zeros_like(among).flatten()
    if count:
        flat = scores.flatten().nan_to_num(torch.finfo(scores.dtype).min, torch.inf, -torch.inf)
        positions = among.flatten().nonzero().flatten()
        candidates = flat[positions]
        lowest = candidates.kthvalue(len(candidates) - count + 1).values
        chosen[positions[candidates > lowest]] = True
        equal = positions[candidates == lowest]
        chosen[equal[len(equal) - (count - int(chosen.sum())) :]] = True
    return chosen.view_as(scores)


def highest_of_all(scores: Mapping[str, Tensor], count: int, among: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Choose the `count` highest scores of all tensors together, as `highest` does of one."""
    import torch

    joined = [torch.cat([values[name].flatten() for name in scores]) for values in (scores, among)]
    parts = highest(joined[0], count, joined[1]).split([score.numel() for score in scores.values()])
    return {name: part.view_as(score) for (name, score), part in zip(scores.items(), parts, strict=True)}
