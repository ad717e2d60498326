"""Policies for tests of control, and an environment whose episodes can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor

from lth_core.data.environments import Environment


class Counting(gymnasium.Env):
    """One feature: the steps taken. The n-th step brings n. Action 1 ends the episode, the time limit is 3 steps."""

    observation_space = gymnasium.spaces.Box(0, np.inf, (1,))

    def __init__(self, action_space: Any = None) -> None:
        self.action_space = action_space or gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.steps = 0
        return self._seen(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.steps += 1
        ends = action == self.action_space.start + 1
        return self._seen(), float(self.steps), ends, False, {}

    def _seen(self) -> np.ndarray:
        return np.array([self.steps], dtype=np.float32)


def register(id: str, limit: int | None = 3, space: Any = Counting.observation_space, **arguments: Any) -> None:
    """Register a kind of Counting with other spaces under an id, unless there is one."""

    def make(**_: Any) -> gymnasium.Env:
        made = Counting(arguments.get("action_space"))
        made.observation_space = space
        return made

    if id not in gymnasium.registry:
        nondeterministic = arguments.get("nondeterministic", False)
        gymnasium.register(id, make, max_episode_steps=limit, nondeterministic=nondeterministic)


def counting() -> Environment:
    """Return the environment that counts, registered as tests/Counting-v0."""
    register("tests/Counting-v0")
    return Environment("tests/Counting-v0", features=1, actions=2, max_episode_steps=3, source="counts")


class LinearPolicies:
    """Networks of a cohort as tasks see them: one linear layer each, drawn by its seed. R is the number of seeds."""

    def __init__(self, seeds: list[int], features: int, actions: int, scale: float = 1.0):
        draws = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.size = len(seeds)
        self.weights = scale * torch.stack([torch.randn(features, actions + 1, generator=draw) for draw in draws])

    def outputs_of(self, inputs: Tensor) -> Tensor:
        """Compute the outputs (R, B, actions + 1) of every replicate on its inputs (R, B, features)."""
        return torch.stack([seen @ weights for seen, weights in zip(inputs, self.weights, strict=True)])

    def at_present(self) -> Callable[[Tensor], Tensor]:
        """Return `outputs_of`."""
        return self.outputs_of
