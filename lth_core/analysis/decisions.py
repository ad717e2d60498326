"""How good the decisions of networks are whose highest output decides: classes of examples, or actions in episodes.

Networks (R) are functions of inputs, (R, B, features) or (1, B, features) for all, to outputs (R, B, choices).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from lth_core.data.episodes import Episodes, make_episodes
from lth_core.data.kinds import outputs_of
from lth_core.randomness import random_generator
from lth_core.tasks.base import Task, TaskError
from lth_core.tasks.control import ControlTask
from lth_core.tasks.examples import ExamplesTask
from lth_core.tasks.options import option_of_episodes
from lth_core.tasks.rollouts import roll_out

LARGEST_SEED = 2**63 - 1


class Deciding(Protocol):
    """Networks, as they are measured."""

    size: int
    """R."""

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Compute the outputs (R, B, choices)."""
        ...


class Decisions(Protocol):
    """What networks decide in a task."""

    features: int
    choices: int

    def train(self, networks: Deciding, seed: int, step: int) -> np.ndarray:
        """Measure networks (R,) on some training data, which are drawn for each seed and step."""
        ...

    def evaluate(self, networks: Deciding, split: str) -> np.ndarray:
        """Measure networks (R,) on all data of the split."""
        ...


def decisions_of(task: Task, examples: int, episodes: int) -> Decisions:
    """Return what is decided in a task; each training draws this number of examples or episodes of it.

    Raises TaskError where outputs are no choice between classes or actions.
    """
    if isinstance(task, ControlTask):
        return Actions(task, episodes)
    if isinstance(task, ExamplesTask):
        first = next(task.evaluation_batches("validation", 2))
        if first.targets.ndim == 1 and not first.targets.is_floating_point():
            return Classes(task, examples)
    raise TaskError("networks without trained weights can only choose between classes or actions: use another task")


class Classes:
    """The classes of independent examples: the metric is the fraction that is right."""

    def __init__(self, task: ExamplesTask, examples: int):
        self.examples = examples
        self._splits = {split: _arrays(task, split) for split in ("train", "validation", "test")}
        self.features = self._splits["train"][0].shape[1]
        self.choices = outputs_of(task.data.facts)

    def train(self, networks: Deciding, seed: int, step: int) -> np.ndarray:
        inputs, labels = self._splits["train"]
        drawn = random_generator(seed, "evolution examples", step).permutation(len(labels))[: self.examples]
        return _right(networks, inputs[drawn], labels[drawn])

    def evaluate(self, networks: Deciding, split: str) -> np.ndarray:
        return _right(networks, *self._splits[split])


def _arrays(task: ExamplesTask, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (N, features), and labels (N,), of a whole split."""
    batches = list(task.sample_batches(split))
    inputs = torch.cat([batch.inputs.flatten(1) for batch in batches])
    return inputs.cpu().numpy(), torch.cat([batch.targets for batch in batches]).cpu().numpy()


def _right(networks: Deciding, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return (networks(inputs[None]).argmax(axis=-1) == labels).mean(axis=1)


class Actions:
    """Actions in the episodes of an environment: the metric is their mean undiscounted return."""

    def __init__(self, task: ControlTask, episodes: int):
        self.environment, self.episodes = task.environment, episodes
        self.features, self.choices = task.environment.features, task.environment.actions
        self._evaluated = option_of_episodes(task.objective, "evaluation_episodes")
        self._made: dict[int, Episodes] = {}

    def train(self, networks: Deciding, seed: int, step: int) -> np.ndarray:
        rng = random_generator(seed, "evolution episodes", step)
        return self._returns(networks, rng.integers(LARGEST_SEED, size=self.episodes))

    def evaluate(self, networks: Deciding, split: str) -> np.ndarray:
        """Measure networks (R,) on the episodes with which trained policies are evaluated."""
        rng = random_generator(0, "evaluation episodes", split)
        return self._returns(networks, rng.integers(LARGEST_SEED, size=self._evaluated))

    def _returns(self, networks: Deciding, starts: np.ndarray) -> np.ndarray:
        seeds = np.tile(starts, (networks.size, 1))
        if seeds.size not in self._made:
            self._made = {seeds.size: make_episodes(self.environment, seeds.size)}  # others are not needed soon
        no_value = np.zeros((*seeds.shape, 1))

        def policy(observations: np.ndarray) -> np.ndarray:
            return np.concatenate([networks(observations)[..., : self.choices], no_value], axis=-1)

        noise: Iterator[Any] = repeat(np.zeros(1))  # the highest score decides
        limit = self.environment.max_episode_steps
        return roll_out(self._made[seeds.size], seeds, noise, limit, policy).totals.mean(axis=1)


@dataclass
class Modules:
    """A module with several sets of weights (R)."""

    module: nn.Module
    weights: list[dict[str, torch.Tensor]]
    input_shape: tuple[int, ...]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.weights)

    @torch.no_grad()
    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Compute the outputs (R, B, outputs)."""
        made = []
        for index, weights in enumerate(self.weights):
            seen = torch.from_numpy(inputs[index if len(inputs) > 1 else 0]).float()
            made.append(functional_call(self.module, weights, (seen.view(-1, *self.input_shape),)).numpy())
        return np.stack(made)
