"""Telemetry: what a dense network does in the first steps of training, densely logged.

The quantities of Frankle, Schwab & Morcos 2020, over all prunable weights. Logging changes nothing: the
weights at every step have the bits of the dense run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np
import torch

from lth_core.engine.cohort import Cohort
from lth_core.randomness import random_generator
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Task
from lth_core.training.loop import Listener, noise_seeds, train
from lth_core.training.state import TrainingState

TRACES = 10
"""How many single weights are followed."""
EVALUATED_ON = ("validation", "test")


def logged_steps(last: int) -> list[int]:
    """List the steps to log: every step up to 10, then up to 40 more at equal ratios, to `last` (at least 1)."""
    start = min(10, last)
    return sorted({*range(start + 1), *np.geomspace(start, last, 41).round().astype(int).tolist()})


def traced_weights(count: int) -> np.ndarray:
    """Draw the indices of the ten weights, among `count`, that are followed: the same for all seeds and cohorts."""
    return np.sort(random_generator(0, "telemetry").choice(count, min(TRACES, count), replace=False))


def record(
    task: Task,
    state: TrainingState,
    initial: Tensors,
    final: Tensors,
    layers: Iterable[str],
    seeds: Sequence[int],
    last: int,
    listeners: Sequence[Listener] = (),
) -> None:
    """Train `state` up to step `last` and append to its history, at every logged step, one row per replicate and
    quantity: replicate, step, quantity, value.

    `initial` and `final` are the weights (R, ...) at step 0 and at the end of dense training, `layers` the names of the
    prunable ones. A state that was interrupted goes on from where it was; `listeners` are called after the logging. The
    quantities are those of `of_weights`, and

    `{validation,test}_loss` and, by its name, the same of every metric of the task;
    `gradient_norm`: L2 norm of the gradient of the minibatch that the step trains on, before the step;
    `weight_0` to `weight_9`: the values of `traced_weights`.
    """
    layers, logged = list(layers), set(logged_steps(last))

    def observe(state: TrainingState) -> None:
        if state.step in logged and not state.is_logged:
            _observe(task, state, initial, final, layers, seeds)

    train(task, state, seeds, last, listeners=[observe, *listeners])


def of_weights(weights: np.ndarray, initial: np.ndarray, final: np.ndarray) -> dict[str, float]:
    """Summarize the weights of one replicate (a vector, as are its initial and final ones); nan where they diverged.

    `mean_magnitude`: mean of |w|; `sign_changes`: the fraction whose sign is not that of the initial weight;
    `l2_to_*`, `cosine_to_*`: distance to, and cosine of the angle with, the initial and the final weights.
    """
    changed = np.mean(np.sign(weights) != np.sign(initial)) if np.isfinite(weights).all() else np.nan
    quantities = {"mean_magnitude": np.abs(weights).mean(), "sign_changes": changed}
    for name, other in (("initial", initial), ("final", final)):
        quantities[f"l2_to_{name}"] = np.linalg.norm(weights - other)
        quantities[f"cosine_to_{name}"] = weights @ other / (np.linalg.norm(weights) * np.linalg.norm(other))
    return {name: float(value) for name, value in quantities.items()}


def _observe(
    task: Task, state: TrainingState, initial: Tensors, final: Tensors, layers: Sequence[str], seeds: Sequence[int]
) -> None:
    """Append the state's quantities to its history."""
    weights = {name: state.cohort.parameters[name].detach().cpu().numpy() for name in layers}
    evaluated = {
        f"{split}_{quantity}": values
        for split in EVALUATED_ON
        for quantity, values in state.cohort.evaluate(split).items()
    }
    norms = gradient_norms(task, state, layers, seeds)
    for replicate in range(state.cohort.size):
        vectors = [_vector(tensors, layers, replicate) for tensors in (weights, initial, final)]
        traces = vectors[0][traced_weights(len(vectors[0]))]
        values = {
            **{name: of_cohort[replicate] for name, of_cohort in evaluated.items()},
            **of_weights(*vectors),
            "gradient_norm": norms[replicate],
            **{f"weight_{number}": float(value) for number, value in enumerate(traces)},
        }
        for quantity, value in values.items():
            state.history.append({"replicate": replicate, "step": state.step, "quantity": quantity, "value": value})


def _vector(tensors: Tensors, layers: Sequence[str], replicate: int) -> np.ndarray:
    return np.concatenate([tensors[name][replicate].ravel() for name in layers]).astype(np.float64)


def gradient_norms(task: Task, state: TrainingState, layers: Sequence[str], seeds: Sequence[int]) -> list[float]:
    """Compute, per replicate, the norm of the gradient of the next training step over the weights of `layers`."""
    cohort = state.cohort
    buffers = {name: value.clone() for name, value in cohort.buffers.items()}  # batch norm writes its statistics
    probe = Cohort(task, {**cohort.parameters, **buffers}, together=cohort.together)
    (batch,) = task.minibatches(seeds, 0, state.step, state.step + 1, cohort)
    gradients = iter(probe.gradients(batch, noise_seeds(seeds, 0, state.step)))
    norms = []
    for _ in probe.parts:  # one replicate, or all of them
        by_name = {name: next(gradients) for name in probe.trainable}
        reached = [gradient for name in layers if (gradient := by_name.get(name)) is not None]
        replicates = cohort.size // len(probe.parts)
        squares = (gradient.double().reshape(replicates, -1).square().sum(dim=1) for gradient in reached)
        norms += reduce(torch.add, squares).sqrt().tolist()
    return norms
