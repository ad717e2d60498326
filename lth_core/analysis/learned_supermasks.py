"""Supermasks that are learned: a network's weights stay as they were drawn, and only which of them count is trained.

Every prunable weight has a score m; in each step it is kept with probability sigmoid(m). The gradient goes through the
draw as if the mask were sigmoid(m) itself (Zhou et al. 2019, section 5.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat

import torch
from torch import Tensor
from torch.func import functional_call

from lth_core.analysis.supermasks import accuracies_of
from lth_core.cohort import Cohort
from lth_core.config import Supermasks
from lth_core.randomness import torch_seed
from lth_core.tasks import Task

Weights = Mapping[str, Tensor]


def learn(
    task: Task, weights: Weights, layers: Sequence[str], seed: int, settings: Supermasks, rescaled: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Scores of the layers' weights that make one untrained network (parameters and buffers) accurate, and the network.

    No weight changes; batch norm's statistics are returned as learning leaves them. All scores start from 0: every
    weight is kept half of the time. Minibatches are those of the dense run; draws come from the stream (seed,
    "supermask"). `rescaled`: see `masked`.
    """
    scores = {name: torch.zeros_like(weights[name], requires_grad=True) for name in layers}
    optimizer = torch.optim.SGD(scores.values(), lr=settings.learning_rate, momentum=settings.momentum)
    network = {name: value.clone() for name, value in weights.items()}  # batch norm writes its statistics
    task.module.to(task.device).train()
    with torch.random.fork_rng():
        torch.manual_seed(torch_seed(seed, "supermask"))
        for batch in task.minibatches([seed], 0, 0, settings.steps or task.recipe.steps):
            batch = batch.replicate(0)
            kept = {name: _drawn(score) for name, score in scores.items()}
            losses, _ = task.losses(
                functional_call(task.module, masked(network, kept, rescaled), (batch.inputs,)), batch
            )
            optimizer.zero_grad()
            losses.mean().backward()
            optimizer.step()
    return {name: score.detach() for name, score in scores.items()}, network


def _drawn(score: Tensor) -> Tensor:
    """A mask of 0 and 1, drawn with probabilities sigmoid(score), whose gradient is that of sigmoid(score)."""
    probability = score.sigmoid()
    return (torch.bernoulli(probability) - probability).detach() + probability


def masked(weights: Weights, masks: Weights, rescaled: bool) -> dict[str, Tensor]:
    """The weights under masks of 0 and 1.

    `rescaled`: each layer is multiplied by its number of weights over that of its kept ones (dynamic weight rescaling).
    This number is a constant in the gradient: a score learns from its own weight, not from how many others are kept.
    """
    found = dict(weights)
    for name, kept in masks.items():
        scale = kept.numel() / kept.detach().sum().clamp(min=1) if rescaled else 1
        found[name] = weights[name] * kept * scale
    return found


def drawn_masks(scores: Weights, seed: int, samples: int) -> Iterator[dict[str, Tensor]]:
    """Masks drawn for evaluation, from the stream (seed, "supermask evaluation")."""
    with torch.random.fork_rng():
        torch.manual_seed(torch_seed(seed, "supermask evaluation"))
        for _ in repeat(None, samples):
            yield {name: torch.bernoulli(score.sigmoid()) for name, score in scores.items()}


def likely_mask(scores: Weights) -> dict[str, Tensor]:
    """What is kept more often than not: sigmoid(score) > 1/2."""
    return {name: (score > 0).to(score.dtype) for name, score in scores.items()}


def evaluate(task: Task, weights: Weights, masks: Iterable[Weights], rescaled: bool) -> tuple[float, float, float]:
    """Density, validation and test accuracy of one network under masks of 0 and 1, averaged over them."""
    masks = list(masks)
    networks = [masked(weights, mask, rescaled) for mask in masks]
    stacked = {name: torch.stack([network[name] for network in networks]) for name in weights}
    pairs = torch.tensor(list(accuracies_of(Cohort(task, stacked))), dtype=torch.float64)
    kept = sum(float(kept.sum()) for mask in masks for kept in mask.values())
    size = sum(kept.numel() for mask in masks for kept in mask.values())
    return kept / size, *pairs.mean(dim=0).tolist()
