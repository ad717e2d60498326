"""Several episodes of an environment at a time, each from a seed, in lockstep.

gymnasium's vector environments start a new episode at the step after an end (since version 1.0): that step is no
transition. Here an episode that has ended stays ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np

from lth_core.data.environments import Environment, make
from lth_core.data.splits import DataError
from lth_core.registry import one_line


class Moment(NamedTuple):
    """What one step of every episode (N) gives; for an episode that had ended before it means nothing."""

    observations: np.ndarray
    """(N, features), float32."""
    rewards: np.ndarray
    """(N,), float64."""
    terminated: np.ndarray
    """(N,): whether the episode ended by itself. No reward follows this step."""
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
    vectorized = {
        "CartPole-v0": CartPoles,
        "CartPole-v1": CartPoles,
        "Acrobot-v1": Acrobots,
        "lth/CartPoleSwingUp-v0": SwingUps,
    }
    return vectorized.get(environment.id, SingleEpisodes)(environment, count)


class SingleEpisodes:
    """Episodes of any environment, each in an instance of its own: gymnasium's SyncVectorEnv without the ended ones."""

    def __init__(self, environment: Environment, count: int):
        self._id, self._environments = environment.id, [make(environment.id) for _ in range(count)]
        self._first_action = int(getattr(self._environments[0].action_space, "start", 0))
        self._observations = np.zeros((count, environment.features), dtype=np.float32)

    def start(self, seeds: Sequence[int]) -> np.ndarray:
        """Begin every episode from its seed; return the first observations (N, features), float32."""
        with in_one_line(self._id):
            for index, (environment, seed) in enumerate(zip(self._environments, seeds, strict=True)):
                observation, _ = environment.reset(seed=seed)
                self._see(index, observation)
        return self._observations.copy()

    def step(self, actions: np.ndarray, alive: np.ndarray) -> Moment:
        """Take one action in each of the episodes that have not ended."""
        rewards, terminated, truncated = np.zeros(len(alive)), np.zeros_like(alive), np.zeros_like(alive)
        chosen = (actions + self._first_action).tolist()
        with in_one_line(self._id):
            for index in np.flatnonzero(alive).tolist():
                step = self._environments[index].step(chosen[index])
                observation, reward, terminated[index], truncated[index], _ = step
                rewards[index] = float(reward)  # NumPy would make nan of None
                self._see(index, observation)
        return Moment(self._observations.copy(), rewards, terminated, truncated)

    def _see(self, index: int, observation: Any) -> None:
        if np.shape(observation) != (wanted := self._observations.shape[1:]):  # NumPy would repeat a single number
            raise ValueError(f"an observation has shape {np.shape(observation)}, not {wanted} as its space")
        self._observations[index] = observation


@contextmanager
def in_one_line(id: str) -> Iterator[None]:
    """Raise DataError, in one line, where anyone's environment fails, or gives what is no observation or reward."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise DataError(f"environment '{id}' failed: {one_line(error)}") from error


class CartPoles:
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


class Acrobots:
    """Episodes of Acrobot, all in the same NumPy calls: gymnasium's equations of motion take arrays, its steps do not.

    What differs from gymnasium's single instance is rounding.
    """

    def __init__(self, environment: Environment, count: int):
        self._single: Any = make(environment.id).unwrapped
        self._limit = environment.max_episode_steps
        self._torques = np.array(self._single.AVAIL_TORQUE)
        self._fastest = np.array([[self._single.MAX_VEL_1], [self._single.MAX_VEL_2]])
        self._state, self._steps = np.zeros((4, count)), 0

    def start(self, seeds: Sequence[int]) -> np.ndarray:
        """Begin every episode from its seed; return the first observations (N, features), float32."""
        states = []
        for seed in seeds:
            self._single.reset(seed=seed)
            states.append(self._single.state)
        self._state, self._steps = np.stack(states, axis=1).astype(np.float64), 0
        return self._observations()

    def step(self, actions: np.ndarray, alive: np.ndarray) -> Moment:
        """Take one of the actions (N,) in each episode; those that have ended go on, and are not looked at."""
        state = _runge_kutta(self._derivatives(self._torques[actions]), self._state, self._single.dt)
        state[:2] -= 2 * np.pi * np.round(state[:2] / (2 * np.pi))  # angles stay within half a turn
        state[2:] = state[2:].clip(-self._fastest, self._fastest)
        self._state, self._steps = state, self._steps + 1
        height = -np.cos(state[0]) - np.cos(state[0] + state[1])
        terminated = height > 1.0
        truncated = np.full(len(actions), self._steps >= self._limit)
        return Moment(self._observations(), np.where(terminated, 0.0, -1.0), terminated, truncated)

    def _derivatives(self, torques: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        return lambda state: np.stack(self._single._dsdt([*state, torques])[:4])

    def _observations(self) -> np.ndarray:
        angles, speeds = self._state[:2], self._state[2:]
        turns = np.stack([np.cos(angles), np.sin(angles)], axis=1).reshape(4, -1)  # cos, sin of one, then of the other
        return np.concatenate([turns, speeds]).T.astype(np.float32)


class SwingUps:
    """Episodes of CartPole swing-up, all in the same NumPy calls."""

    def __init__(self, environment: Environment, count: int):
        from lth_core.data import swing_up  # with gymnasium

        self._dynamics, self._limit = swing_up, environment.max_episode_steps
        self._single: Any = make(environment.id).unwrapped
        self._state, self._steps = np.zeros((4, count)), 0

    def start(self, seeds: Sequence[int]) -> np.ndarray:
        """Begin every episode from its seed; return the first observations (N, features), float32."""
        states = {}
        for seed in set(seeds):  # several networks may begin from the same
            self._single.reset(seed=seed)
            states[seed] = self._single.state
        self._state, self._steps = np.stack([states[seed] for seed in seeds], axis=1), 0
        return self._dynamics.observe(self._state)

    def step(self, actions: np.ndarray, alive: np.ndarray) -> Moment:
        """Take one of the actions (N,) in each episode that has not ended."""
        dynamics, self._steps = self._dynamics, self._steps + 1
        after = dynamics.advance(self._state, dynamics.FORCES[actions])
        self._state = np.where(alive, after, self._state)  # what has left would go on to infinity
        cut = np.full(len(actions), self._steps >= self._limit)
        left = dynamics.has_left(self._state)
        return Moment(dynamics.observe(self._state), dynamics.rewards(self._state), left, cut & ~left)


def _runge_kutta(derivatives: Callable[[np.ndarray], np.ndarray], state: np.ndarray, seconds: float) -> np.ndarray:
    """Go one step of the fourth-order Runge-Kutta method, as gymnasium does."""
    first = derivatives(state)
    second = derivatives(state + seconds / 2 * first)
    third = derivatives(state + seconds / 2 * second)
    fourth = derivatives(state + seconds * third)
    return state + seconds / 6 * (first + 2 * second + 2 * third + fourth)
