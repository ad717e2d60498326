"""Training steps of language models and of a policy, on one core.

Language models next to an ordinary PyTorch loop (torch.optim.Adam, the module itself), in turns: time of one step of
the loop over that of one replicate in a cohort of 3. Both take windows of Python's help topics; torch computes most of
a step in both, so that there is little to gain.

A policy of linear layers for CartPole-v1 (10 replicates, 8 episodes per update), after it has learned to balance: time
of the environment's steps over that of the gradients and updates that they are made for.

    python -m benchmarks language_and_control [--repetitions 5]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.rows import Row
from lth_core import registry
from lth_core.config import Choice, Initialization, Recipe
from lth_core.data.kinds import offered_to_models
from lth_core.data.reading import open_data
from lth_core.jobs.prepare_data import prepare
from lth_core.models.initialization import initialize_cohort
from lth_core.planning import catalogue
from lth_core.storage.tensors import Tensors
from lth_core.tasks.base import Task
from lth_core.tasks.control import ControlTask
from lth_core.tasks.opening import build_task
from lth_core.training.loop import step, train
from lth_core.training.state import TrainingState, start_state

catalogue.register()

LEARNED, STEPS = 200, 10
"""Updates after which the policy balances, and steps of each measurement."""
MODELS = {"LSTM of width 128": {"name": "lstm"}, "Transformer of 2 layers, width 64": {"name": "transformer"}}
ADAM = {"name": "adam", "learning_rate": 5e-3}


def opened(
    source: Any, model: Any, objective: Any, seeds: list[int], weights: Any = "framework", batch_size: int = 32
) -> tuple[Task, Tensors]:
    """The task and theta_0 of a cohort."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "data.safetensors"))
        prepare("data", {"source": source, "modules": []}, folder, path)
        data = open_data(path)
    chosen = Choice.model_validate(model)

    def factory() -> nn.Module:
        return registry.model.call(chosen.name, offered_to_models(data.facts), chosen.options)

    recipe = {"optimizer": ADAM, "batch_size": batch_size, "steps": 10**6, "evaluate_every": 10**6}
    chosen_objective = Choice.model_validate(objective)
    task = build_task(factory(), data, Recipe.model_validate(recipe), torch.device("cpu"), chosen_objective)
    return task, initialize_cohort(factory, Initialization(weights=weights), seeds)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ordinary(task: Task) -> Callable[[], None]:
    """STEPS steps as anyone writes them, of a network of the task's."""
    module, batches = task.module.train(), task.minibatches([0], 0, 0, 10**6)
    optimizer = torch.optim.Adam(module.parameters(), lr=ADAM["learning_rate"])

    def steps() -> None:
        for batch in islice(batches, STEPS):
            optimizer.zero_grad()
            scores, targets = module(batch.inputs[0]).flatten(0, 1), batch.targets[0].flatten()
            nn.functional.cross_entropy(scores, targets).backward()
            optimizer.step()

    return steps


def language(model: dict[str, Any], repetitions: int) -> list[float]:
    """The ordinary loop's time per step over that of one of 3 replicates."""
    seeds = [0, 1, 2]
    task, weights = opened({"name": "english", "context": 64}, model, "language", seeds)
    loop = ordinary(opened({"name": "english", "context": 64}, model, "language", [0])[0])
    state = start_state(task, weights, {})

    def cohort() -> None:
        train(task, state, seeds, state.step + STEPS)

    for work in (loop, cohort):  # which prepare what later ones use again
        work()
    return [seconds(loop) * len(seeds) / seconds(cohort) for _ in range(repetitions)]


class Watch:
    """A ControlTask's environment, whose steps are timed."""

    def __init__(self, task: ControlTask):
        self.seconds = 0.0
        for episodes in task._episodes.values():
            episodes.step = self._timed(episodes.step)  # pyright: ignore[reportAttributeAccessIssue]

    def _timed(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            start = time.perf_counter()
            moment = step(*arguments)
            self.seconds += time.perf_counter() - start
            return moment

        return timed


def control(repetitions: int) -> Iterator[Row]:
    """Rows of the policy."""
    seeds = list(range(10))
    objective = {"name": "actor-critic", "value_weight": 0.01}
    model = {"name": "mlp", "hidden": [64, 64]}
    task, weights = opened({"name": "cartpole"}, model, objective, seeds, "glorot-normal", batch_size=8)
    assert isinstance(task, ControlTask)
    state = start_state(task, weights, {})
    train(task, state, seeds, LEARNED)
    trained, rng = state.weights(), np.random.default_rng(0)
    layers = [name for name, value in trained.items() if value.ndim > 2]
    few = {name: rng.permuted(np.arange(trained[name].size) % 10 == 0).reshape(trained[name].shape) for name in layers}
    watch = Watch(task)
    for title, mask in (("dense", {}), ("with 10% of the weights", few)):
        ratios, updates = [], []
        update(task, trained, mask, seeds, watch)  # which compiles kernels
        for _ in range(repetitions):
            environment, gradients, whole = update(task, trained, mask, seeds, watch)
            ratios.append(environment / gradients)
            updates.append(10 * whole)
        most = None if mask else 1.0
        yield Row(f"CartPole, {title}: environment's steps / gradients and updates", ratios, at_most=most)
        yield Row(f"CartPole, {title}: 10 updates of 10 replicates", updates, "s")


def update(
    task: ControlTask, trained: Tensors, mask: Tensors, seeds: list[int], watch: Watch
) -> tuple[float, float, float]:
    """Seconds of one update: in the environment, for gradients, and in all. Episodes are the trained policy's."""
    policy: TrainingState = start_state(task, trained, {})
    masked = {name: value * mask.get(name, True) for name, value in trained.items()}
    state = start_state(task, {name: value.astype(np.float32) for name, value in masked.items()}, mask)
    watch.seconds, start = 0.0, time.perf_counter()
    (batch,) = task.minibatches(seeds, 0, LEARNED, LEARNED + 1, policy.cohort)
    made = time.perf_counter()
    with torch.no_grad():
        step(state, batch, ADAM["learning_rate"], [])
    ended = time.perf_counter()
    return watch.seconds, ended - made, ended - start


def measure(root: str = "data", repetitions: int = 5) -> Iterator[Row]:
    """A row per language model, then those of the policy; ROOT is not read."""
    torch.set_num_threads(1)
    for title, model in MODELS.items():
        yield Row(f"{title}, 64 characters, batch 32: ordinary loop / replicate", language(model, repetitions))
    yield from control(repetitions)
