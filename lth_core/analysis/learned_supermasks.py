"""Supermasks that are learned: a network's weights stay as they were drawn, and only which of them count is trained.

Every prunable weight has a score m; in each step it is kept with probability sigmoid(m). The gradient goes through the
draw as if the mask were sigmoid(m) itself (Zhou et al. 2019, section 5.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from lth_core.analysis.supermasks import accuracies_of
from lth_core.config import Supermasks
from lth_core.engine.cohort import Cohort
from lth_core.models.tensors import call
from lth_core.randomness import kept_torch_generators, torch_seed
from lth_core.tasks.base import Task
from lth_core.training.resume import State

Weights = Mapping[str, Tensor]


class LearningDiverged(ArithmeticError):
    """The loss left the finite numbers: there is no mask."""


@dataclass
class MaskTraining(State):
    """Masks of one untrained network that are being learned, and the rows of the networks before it.

    `scores` of the masked layers' weights start from 0: every weight is kept half of the time. `network` has all
    parameters and buffers; only batch norm's statistics change. `random` is the state of the draws after `step` steps.
    """

    scores: dict[str, Tensor]
    optimizer: torch.optim.SGD
    network: dict[str, Tensor]
    random: Tensor
    step: int = 0
    history: list[Any] = field(default_factory=list)

    @classmethod
    def start(
        cls, weights: Weights, layers: Sequence[str], seed: int, settings: Supermasks, history: Sequence[Any] = ()
    ) -> MaskTraining:
        """Start at step 0, from copies of the weights; draws are keyed by (seed, "supermask")."""
        scores = {name: torch.zeros_like(weights[name], requires_grad=True) for name in layers}
        optimizer = torch.optim.SGD(scores.values(), lr=settings.learning_rate, momentum=settings.momentum)
        for score in scores.values():
            optimizer.state[score]["momentum_buffer"] = torch.zeros_like(score) if settings.momentum else None
        network = {name: value.clone() for name, value in weights.items()}
        device = next(iter(network.values())).device
        generator = torch.Generator(device).manual_seed(torch_seed(seed, "supermask"))
        return cls(scores, optimizer, network, generator.get_state(), history=list(history))

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors that the next step depends on, each by another name."""
        momenta = {name: self.optimizer.state[score]["momentum_buffer"] for name, score in self.scores.items()}
        return {
            **{f"scores/{name}": value for name, value in self.scores.items()},
            **{f"momenta/{name}": value for name, value in momenta.items() if value is not None},
            **{f"network/{name}": value for name, value in self.network.items()},
            "random": self.random,
        }


def learn(
    task: Task,
    state: MaskTraining,
    seed: int,
    settings: Supermasks,
    rescaled: bool,
    after_step: Callable[[MaskTraining], None] = lambda state: None,
) -> None:
    """Learn the scores that make the network accurate, from where `state` is. Minibatches are those of the dense run.

    No weight changes; batch norm's statistics are left as learning leaves them. `rescaled`: see `masked`.
    Raises LearningDiverged at a loss that is not finite.
    """
    task.module.to(task.device).train()
    with kept_torch_generators(task.device):
        draws = torch.cuda if task.device.type == "cuda" else torch
        draws.set_rng_state(state.random)
        for batch in task.minibatches([seed], 0, state.step, settings.steps or task.recipe.steps):
            batch = batch.replicate(0)
            kept = {name: _drawn(score) for name, score in state.scores.items()}
            losses = task.losses(call(task.module, masked(state.network, kept, rescaled), batch.inputs), batch)
            loss = losses.mean()
            if not loss.isfinite():
                raise LearningDiverged
            state.optimizer.zero_grad()
            loss.backward()
            state.optimizer.step()
            state.step, state.random = state.step + 1, draws.get_rng_state()
            after_step(state)


def _drawn(score: Tensor) -> Tensor:
    """A mask of 0 and 1, drawn with probabilities sigmoid(score), whose gradient is that of sigmoid(score)."""
    probability = score.sigmoid()
    return (torch.bernoulli(probability) - probability).detach() + probability


def masked(weights: Weights, masks: Weights, rescaled: bool) -> dict[str, Tensor]:
    """Put weights under masks of 0 and 1.

    `rescaled`: each layer is multiplied by its number of weights over that of its kept ones (dynamic weight rescaling).
    This number is a constant in the gradient: a score learns from its own weight, not from how many others are kept.
    """
    masked_weights = dict(weights)
    for name, kept in masks.items():
        scale = kept.numel() / kept.detach().sum().clamp(min=1) if rescaled else 1
        masked_weights[name] = weights[name] * kept * scale
    return masked_weights


def drawn_masks(scores: Weights, seed: int, samples: int) -> Iterator[dict[str, Tensor]]:
    """Draw `samples` masks for evaluation, keyed by (seed, "supermask evaluation")."""
    with kept_torch_generators(next(iter(scores.values())).device):
        torch.manual_seed(torch_seed(seed, "supermask evaluation"))
        for _ in repeat(None, samples):
            yield {name: torch.bernoulli(score.sigmoid()) for name, score in scores.items()}


def likely_mask(scores: Weights) -> dict[str, Tensor]:
    """Keep what is drawn more often than not: sigmoid(score) > 1/2."""
    return {name: (score > 0).to(score.dtype) for name, score in scores.items()}


def evaluate(task: Task, weights: Weights, masks: Iterable[Weights], rescaled: bool) -> tuple[float, float, float]:
    """Measure density, validation and test accuracy of one network under masks of 0 and 1, averaged over them."""
    masks = list(masks)
    networks = [masked(weights, mask, rescaled) for mask in masks]
    stacked = {name: torch.stack([network[name] for network in networks]) for name in weights}
    pairs = torch.tensor(list(accuracies_of(Cohort(task, stacked))), dtype=torch.float64)
    kept = sum(float(kept.sum()) for mask in masks for kept in mask.values())
    size = sum(kept.numel() for mask in masks for kept in mask.values())
    return kept / size, *pairs.mean(dim=0).tolist()
