"""Supermasks: masks that make an untrained network accurate (Zhou et al. 2019, section 5).

Here a criterion makes the masks from a trained network; those that are learned are in `learned_supermasks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import numpy as np
import torch

from lth_core.config import Method
from lth_core.engine.cohort import Cohort
from lth_core.pruning.channels import Listed
from lth_core.pruning.prune import full_mask
from lth_core.pruning.rounds import next_mask
from lth_core.pruning.structured import Consumers
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Task
from lth_core.tickets.rewinding import apply_mask

Values = Literal["initial", "constant"]
"""What kept weights are: their values in theta_0, or signed constants."""


def supermasks(
    method: Method,
    layers: Mapping[str, str],
    consumers: Consumers,
    seed: int,
    initial: Tensors,
    trained: Tensors,
    ended: bool = False,
    channels: Listed | None = None,
) -> list[Tensors]:
    """Make one replicate's masks of every level from 0 on, all from theta_0 and the trained dense network.

    `ended`: the criterion has nothing to score because the dense network diverged; the masks mean nothing then.
    """
    masks = [full_mask(initial, layers)]
    for level in range(1, method.levels + 1):
        before = masks[-1] if method.iterative else masks[0]
        weights = {"initial": initial, "trained_from": initial, "trained": trained}
        about = {"consumers": consumers, "channels": channels, "ended": ended}
        masks.append(next_mask(method, layers, level, seed, before, **weights, **about))
    return masks


def untrained(weights: Tensors, layers: Iterable[str], values: Values) -> Tensors:
    """Return one replicate's theta_0, or replace every weight of the layers by a constant of its sign.

    The constant is the standard deviation of the layer.
    """
    if values == "initial":
        return weights
    return weights | {name: np.copysign(weights[name].std(), weights[name]) for name in layers}


def accuracies(task: Task, replicates: Iterable[Tensors]) -> Iterator[tuple[float, float]]:
    """Measure validation and test accuracy (fractions) of every network, given by its weights."""
    tensors = [{name: torch.from_numpy(np.asarray(value)) for name, value in weights.items()} for weights in replicates]
    stacked = {name: torch.stack([weights[name] for weights in tensors]).to(task.device) for name in tensors[0]}
    return accuracies_of(Cohort(task, stacked))


def accuracies_of(cohort: Cohort) -> Iterator[tuple[float, float]]:
    """Measure validation and test accuracy (fractions) of every replicate."""
    metric = cohort.task.metrics[0].name
    return zip(*(cohort.evaluate(split)[metric] for split in ("validation", "test")), strict=True)


def masked(weights: Iterable[Tensors], masks: Iterable[Tensors]) -> list[Tensors]:
    """Put every replicate's weights under its mask."""
    return [apply_mask(replicate, mask) for replicate, mask in zip(weights, masks, strict=True)]
