"""Several episodes of an environment at a time, each from a seed, in lockstep.

gymnasium's vector environments start a new episode at the step after an end (since version 1.0): that step is no
transition. Here an episode that has ended stays ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from lth_core.data.environments import Environment, make

VECTORIZED = ("CartPole-v0", "CartPole-v1")
"""Environments that NumpyEpisodes can step."""


class Moment(NamedTuple):
    """What one step of every episode (N) gives; what it says of an episode that had ended before means nothing."""

    observations: np.ndarray
    """(N, features), float32."""
    rewards: np.ndarray
    """(N,), float64."""
    terminated: np.ndarray
    """(N,): whether the episode ended by itself. Nothing more was to be gained after this step."""
    truncated: np.ndarray
    """(N,): whether the time limit cut it."""


class Episodes(Protocol):
    """N episodes of one environment, in lockstep."""

    def start(self, seeds: Sequence[int]) -> np.ndarray:
        """Begin every episode from its seed; return the first observations (N, features), float32."""
        ...

    def step(self, actions: np.ndarray, alive: np.ndarray) -> Moment:
        """Take one of the actions (N,) in each of the episodes that have not ended: `alive`, (N,)."""
        ...


def make_episodes(environment: Environment, count: int) -> Episodes:
    """Make what steps `count` episodes at a time. Raises DataError where the environment cannot be made."""
    return (NumpyEpisodes if environment.id in VECTORIZED else SingleEpisodes)(environment, count)


class SingleEpisodes:
    """Episodes of any environment, each in an instance of its own: gymnasium's SyncVectorEnv without the ended ones."""

    def __init__(self, environment: Environment, count: int):
        self._environments = [make(environment.id) for _ in range(count)]
        self._first_action = int(getattr(self._environments[0].action_space, "start", 0))
        self._observations = np.zeros((count, environment.features), dtype=np.float32)

    def start(self, seeds: Sequence[int]) -> np.ndarray:
        """Begin every episode from its seed; return the first observations (N, features), float32."""
        for index, (environment, seed) in enumerate(zip(self._environments, seeds, strict=True)):
            self._observations[index], _ = environment.reset(seed=seed)
        return self._observations.copy()

    def step(self, actions: np.ndarray, alive: np.ndarray) -> Moment:
        """Take one action in each of the episodes that have not ended."""
        rewards, terminated, truncated = np.zeros(len(alive)), np.zeros_like(alive), np.zeros_like(alive)
        chosen = (actions + self._first_action).tolist()
        for index in np.flatnonzero(alive).tolist():
            step = self._environments[index].step(chosen[index])
            self._observations[index], rewards[index], terminated[index], truncated[index], _ = step
        return Moment(self._observations.copy(), rewards, terminated, truncated)


class NumpyEpisodes:
    """Episodes of CartPole in gymnasium's own vector environment: ten times as fast as one instance for each.

    That environment draws all starts from one generator, and what a replicate sees must not depend on the others. So
    starts come from a single instance, which is seeded for each.
    """

    def __init__(self, environment: Environment, count: int):
        import gymnasium

        self._single: Any = make(environment.id).unwrapped
        self._all: Any = gymnasium.make_vec(environment.id, count, vectorization_mode="vector_entry_point").unwrapped

    def start(self, seeds: Sequence[int]) -> np.ndarray:
        """Begin every episode from its seed; return the first observations (N, features), float32."""
        first, states = [], []
        for seed in seeds:
            first.append(self._single.reset(seed=seed)[0])
            states.append(self._single.state)
        self._all.reset(seed=0)
        self._all.state = np.stack(states, axis=1)
        return np.stack(first)

    def step(self, actions: np.ndarray, alive: np.ndarray) -> Moment:
        """Take one action in each episode; those that have ended go on by themselves, and are not looked at."""
        observations, rewards, terminated, truncated, _ = self._all.step(actions)
        return Moment(observations, rewards.astype(np.float64), terminated, truncated)
