"""The verb train: a cohort from a ticket's weights to the end of the schedule.

The paper's loop: gradient of the minibatch of step t, optimizer step at the rate of step t, pruned weights back to
zero. Step t's data and noise depend on (seed, t) alone, so a training cut at k and resumed gives the bits of an
undisturbed one, and evaluation changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lth_core.engine.cohort import Cohort
from lth_core.engine.cuda_graph import GraphedStep
from lth_core.engine.distributed import cohort_of
from lth_core.randomness import torch_seed
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Batch, Task
from lth_core.training.optimizers import Optimizer
from lth_core.training.schedules import learning_rate

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Fixed:
    """The weights of one tensor that training leaves alone."""

    trained: Tensor
    """1 where weights are trained, 0 elsewhere, in the tensor's type."""
    values: Tensor | None
    """The weights that are not trained, 0 elsewhere; None where all of them are 0, as those that are pruned."""

    @classmethod
    def of(cls, weights: Tensor, mask: Tensor) -> Fixed:
        """Those of `weights` where `mask` is False, at their present values."""
        trained = mask.to(weights.device, weights.dtype)
        values = torch.where(mask.to(weights.device), 0, weights.detach())
        return cls(trained, values if values.any() else None)

    def restore(self, weights: Tensor) -> None:
        """Put them back, in place."""
        weights.mul_(self.trained)
        if self.values is not None:
            weights.add_(self.values)


@dataclass
class State:
    """A training in progress: everything that the next step depends on, and the history so far."""

    cohort: Cohort
    optimizer: Optimizer
    fixed: dict[str, Fixed]
    """What to restore after an update, by tensor."""
    step: int
    history: list[dict[str, float | int | str]] = field(default_factory=list)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors that the next step depends on, by a name of their own."""
        slots = self.optimizer.state.items()
        return {
            **{f"weights/{index}": value for index, value in enumerate(self.cohort.trained)},
            **{f"buffers/{name}": value for name, value in self.cohort.buffers.items()},
            **{f"optimizer/{slot}/{index}": value for slot, values in slots for index, value in enumerate(values)},
        }

    def weights(self) -> Tensors:
        """The present weights and buffers (R, ...), by name."""
        tensors = {**self.cohort.parameters, **self.cohort.buffers}
        return {name: value.detach().cpu().numpy() for name, value in tensors.items()}

    def finite(self) -> list[bool]:
        """Whether all present weights of each replicate are finite."""
        return self.cohort.finite().tolist()


@dataclass(frozen=True)
class Trained:
    """The outcome: weights (R, ...) by name, history rows (replicate, step, split, loss, accuracy), seconds spent."""

    weights: Tensors
    history: list[dict[str, float | int | str]]
    train_seconds: float
    evaluate_seconds: float


def start_state(task: Task, weights: Tensors, mask: Tensors, first_step: int = 0) -> State:
    """A training about to do `first_step`, from copies of the stacked weights.

    The mask (R, ...) is False where weights keep the values that they have; weights without a mask are all trained.
    """
    tensors = {name: torch.from_numpy(value).to(task.device, copy=True) for name, value in weights.items()}
    fixed = {name: Fixed.of(tensors[name], torch.from_numpy(kept)) for name, kept in mask.items()}
    pruned = all(weights.values is None for weights in fixed.values())
    cohort = cohort_of(task, tensors, mask if pruned else None)
    # Where only kept weights are trained, there is nothing to restore.
    return State(cohort, Optimizer(task.recipe.optimizer, cohort.trained), {} if cohort.sparse else fixed, first_step)


def train(
    task: Task,
    state: State,
    seeds: Sequence[int],
    last_step: int,
    *,
    order: int = 0,
    order_from: int = 0,
    last_rate: bool = False,
    evaluate: bool = True,
    after_step: Callable[[State], None] = lambda state: None,
) -> Trained:
    """Train `state` up to `last_step`. With `last_rate`, the rate is the schedule's last.

    `seeds` has one entry per replicate, with repeats where replicates differ in their start only. The data order is 0
    before step `order_from`, and `order` from then on. With `evaluate`, the history has rows at the state's first step,
    every `evaluate_every` steps and at the last step.
    """
    start, evaluating = time.perf_counter(), 0.0
    update = _updates(task, state)
    with torch.random.fork_rng(), torch.no_grad():
        if evaluate and not state.history:
            evaluating += evaluate_into(state)
        for order_now, batch in _minibatches(task, seeds, state.step, last_step, order, order_from):
            quiet = state.cohort.linear is not None or state.cohort.together  # these draw nothing
            noise = [] if quiet else noise_seeds(seeds, order_now, state.step)
            rate = learning_rate(task.recipe, task.recipe.steps - 1 if last_rate else state.step)
            update(batch, rate, noise)
            state.step += 1
            if evaluate and (state.step % task.recipe.evaluate_every == 0 or state.step == last_step):
                evaluating += evaluate_into(state)
            after_step(state)
    return Trained(state.weights(), state.history, time.perf_counter() - start - evaluating, evaluating)


def noise_seeds(seeds: Sequence[int], order: int, step: int) -> list[int]:
    """One per replicate, for what its module draws in a step (dropout): a pure function of (seed, order, step)."""
    return [torch_seed(seed, "noise", order, step) for seed in seeds]


def _minibatches(
    task: Task, seeds: Sequence[int], first_step: int, last_step: int, order: int, order_from: int
) -> Iterator[tuple[int, Batch]]:
    """The data order and the batch of every step."""
    turn = min(max(first_step, order_from), last_step)
    for number, first, last in ((0, first_step, turn), (order, turn, last_step)):
        if first < last:
            yield from ((number, batch) for batch in task.minibatches(seeds, number, first, last))


def _updates(task: Task, state: State) -> Callable[[Batch, float, Sequence[int]], None]:
    """What makes a step of a batch, a learning rate and the seeds of noise."""
    if state.cohort.together and task.data.share.processes == 1:  # on a GPU, without noise, and alone
        graphed = GraphedStep(lambda batch, rate: step(state, batch, rate, []), task.device)
        return lambda batch, rate, noise: graphed(batch, rate)
    return lambda batch, rate, noise: step(state, batch, rate, noise)


def step(state: State, batch: Batch, rate: float | Tensor, noise: Sequence[int]) -> None:
    """One training step: gradient, update, untrained weights back to exactly what they were."""
    gradients = state.cohort.gradients(batch, noise)
    state.optimizer.update(gradients, rate)
    for name, weights in state.fixed.items():
        weights.restore(state.cohort.parameters[name])


def evaluate_into(state: State) -> float:
    """Append one row per replicate and split to the history; returns the seconds it took."""
    start = time.perf_counter()
    for split in SPLITS:
        losses, accuracies = state.cohort.evaluate(split)
        for replicate, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True)):
            row = {"replicate": replicate, "step": state.step, "split": split, "loss": loss, "accuracy": accuracy}
            state.history.append(row)
    return time.perf_counter() - start
