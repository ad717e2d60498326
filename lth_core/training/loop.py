"""Train a cohort from a ticket's weights to the end of the schedule.

The paper's loop: gradient of the minibatch of step t, optimizer step at the rate of step t, pruned weights back to
zero. Step t's data and noise depend on (seed, t) alone, so a training cut at k and resumed gives the bits of an
undisturbed one. Whatever watches a training is a listener; it changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lth_core.engine.cuda_graph import GraphedStep
from lth_core.randomness import kept_generators, kept_torch_generators, torch_seed
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task
from lth_core.training.clipping import clipped
from lth_core.training.penalty import penalized
from lth_core.training.schedules import learning_rate
from lth_core.training.state import Row, TrainingState

Listener = Callable[[TrainingState], None]
"""Called with the state before a training's first step and after every step: it logs, saves or reports."""
BeforeStep = Callable[[Any, Batch, Sequence[int]], bool]
"""Called with the state, the batch and the seeds of noise before every step: it may change the masks that weights are
trained under, and tells whether the step is left out."""


@dataclass(frozen=True)
class TrainingResult:
    """The outcome: weights (R, ...) by name, the history's rows, and the seconds spent, listeners included."""

    weights: Tensors
    history: list[Row]
    seconds: float


def train(
    task: Task,
    state: TrainingState,
    seeds: Sequence[int],
    last_step: int,
    *,
    order: int = 0,
    order_from: int = 0,
    last_rate: bool = False,
    before_step: BeforeStep | None = None,
    listeners: Sequence[Listener] = (),
) -> TrainingResult:
    """Train `state` up to `last_step`. With `last_rate`, the rate is the schedule's last.

    `seeds` has one entry per replicate, with repeats where replicates differ in their start only. The data order is 0
    before step `order_from`, and `order` from then on. A resumed training does not call its listeners before the step
    that it resumes at: they have seen that state.
    """
    start = time.perf_counter()
    update = _updates(task, state)
    with kept_torch_generators(task.device), kept_generators(), torch.no_grad():
        if state.step == state.first_step:
            _tell(listeners, state)
        for order_now, batch in _minibatches(task, state, seeds, last_step, order, order_from):
            draws_nothing = state.cohort.by_hand or state.cohort.together
            noise = [] if draws_nothing else noise_seeds(seeds, order_now, state.step)
            rate = learning_rate(task.recipe, task.recipe.steps - 1 if last_rate else state.step)
            if before_step is None or not before_step(state, batch, noise):
                update(batch, rate, noise)
            state.step += 1
            _tell(listeners, state)
    return TrainingResult(state.weights(), state.history, time.perf_counter() - start)


def _tell(listeners: Sequence[Listener], state: TrainingState) -> None:
    for listener in listeners:
        listener(state)


def noise_seeds(seeds: Sequence[int], order: int, step: int) -> list[int]:
    """Return one seed per replicate for what its module draws in a step (dropout), by (seed, order, step) alone."""
    return [torch_seed(seed, "noise", order, step) for seed in seeds]


def _minibatches(
    task: Task, state: TrainingState, seeds: Sequence[int], last_step: int, order: int, order_from: int
) -> Iterator[tuple[int, Batch]]:
    """The data order and the batch of every step, each made when the step before is done."""
    first_step = state.step
    turn = min(max(first_step, order_from), last_step)
    for number, first, last in ((0, first_step, turn), (order, turn, last_step)):
        if first < last:
            yield from ((number, batch) for batch in task.minibatches(seeds, number, first, last, state.cohort))


def _updates(task: Task, state: TrainingState) -> Callable[[Batch, float, Sequence[int]], None]:
    """What makes a step of a batch, a learning rate and the seeds of noise."""
    if state.cohort.together and task.share.processes == 1:  # on a GPU, without noise, and alone
        graphed = GraphedStep(lambda batch, rate: step(state, batch, rate, []), task.device)
        return lambda batch, rate, noise: graphed(batch, rate)
    return lambda batch, rate, noise: step(state, batch, rate, noise)


def step(state: TrainingState, batch: Batch, rate: float | Tensor, noise: Sequence[int]) -> None:
    """Do one training step: gradient, with what penalty and clipping make of it, update, untrained weights back to
    exactly what they were."""
    gradients = penalized(state.cohort.trained, state.cohort.gradients(batch, noise), state.penalties)
    gradients = clipped(state, gradients)
    state.optimizer.update(gradients, rate)
    for name, weights in state.frozen.items():
        weights.restore(state.cohort.parameters[name])
