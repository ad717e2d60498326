"""Episodes in lockstep: each is that of a single instance from its seed, whoever else is there."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from lth_core.data.environments import Environment, find_environment
from lth_core.data.episodes import Acrobots, CartPoles, SingleEpisodes, make_episodes
from lth_core.data.splits import DataError
from tests.support.policies import Counting, register

SEEDS = [11, 2**62, 5, 6, 7, 8, 9]


def episode(id: str, seed: int, actions: np.ndarray) -> list[tuple[np.ndarray, float, bool, bool]]:
    """What gymnasium itself gives from a seed until the end."""
    environment = gymnasium.make(id, disable_env_checker=True)
    steps = [(environment.reset(seed=seed)[0], 0.0, False, False)]
    for action in actions.tolist():
        steps.append(environment.step(action)[:4])
        if steps[-1][2] or steps[-1][3]:
            break
    return steps


@pytest.mark.parametrize("id", ["CartPole-v1", "MountainCar-v0"])
def test_every_episode_is_that_of_a_single_instance(id: str) -> None:
    environment = find_environment(id)
    actions = np.random.default_rng(0).integers(environment.actions, size=(environment.max_episode_steps, len(SEEDS)))
    episodes = make_episodes(environment, len(SEEDS))
    expected = [episode(id, seed, actions[:, index]) for index, seed in enumerate(SEEDS)]
    observations, alive = episodes.start(SEEDS), np.ones(len(SEEDS), dtype=bool)
    for index, steps in enumerate(expected):
        assert np.array_equal(observations[index], steps[0][0])
    for step, chosen in enumerate(actions, start=1):
        moment = episodes.step(chosen, alive)
        for index in np.flatnonzero(alive):
            seen, reward, terminated, truncated = expected[index][step]
            assert np.array_equal(moment.observations[index], seen)
            assert (moment.rewards[index], moment.terminated[index], moment.truncated[index]) == (
                reward,
                terminated,
                truncated,
            )
        alive = alive & ~moment.terminated & ~moment.truncated
    assert not alive.any()


def test_acrobot_moves_as_gymnasium_says() -> None:
    """Chaotic motion makes much of rounding, so each step is compared from the same state; some swing up here."""
    environment = find_environment("Acrobot-v1")
    rng, count = np.random.default_rng(0), 200
    single, episodes = gymnasium.make(environment.id, disable_env_checker=True).unwrapped, Acrobots(environment, count)
    episodes.start(range(count))
    alive, ended = np.ones(count, dtype=bool), 0
    episodes._state = rng.uniform([[-np.pi], [-np.pi], [-12], [-28]], [[np.pi], [np.pi], [12], [28]], (4, count))
    states, actions = episodes._state.T.copy(), rng.integers(3, size=count)
    moment = episodes.step(actions, alive)
    for index, (state, action) in enumerate(zip(states, actions, strict=True)):
        single.reset(seed=0)
        single.state = state
        seen, reward, terminated, _, _ = single.step(action)
        assert moment.observations[index] == pytest.approx(seen, abs=1e-5)
        assert (moment.rewards[index], moment.terminated[index]) == (reward, terminated)
        ended += terminated
    assert 0 < ended < count


def test_acrobot_is_cut_at_its_time_limit_and_starts_as_gymnasium_does() -> None:
    environment = find_environment("Acrobot-v1")
    episodes, alive = Acrobots(environment, 2), np.ones(2, dtype=bool)
    for seed, first in zip(SEEDS, episodes.start(SEEDS[:2]), strict=False):
        assert np.array_equal(first, episode("Acrobot-v1", seed, np.zeros(0, dtype=int))[0][0])
    moments = [episodes.step(np.array([1, 1]), alive) for _ in range(500)]
    assert [moment.truncated.any() for moment in moments] == [False] * 499 + [True]
    assert not any(moment.terminated.any() for moment in moments)


@pytest.mark.parametrize("id", ["CartPole-v1", "Acrobot-v1"])
def test_an_episode_does_not_depend_on_how_many_there_are(id: str) -> None:
    """Vectorized arithmetic handles the last elements of an array apart from the others."""
    environment = find_environment(id)
    actions = np.random.default_rng(0).integers(2, size=40)
    paths = []
    for count in range(1, 20):
        episodes = make_episodes(environment, count)
        seen, alive = [episodes.start([3] * count)], np.ones(count, dtype=bool)
        for action in actions:
            seen.append(episodes.step(np.full(count, action), alive).observations)
        paths += list(np.stack(seen)[:10].swapaxes(0, 1))
    assert all(np.array_equal(path, paths[0]) for path in paths)


def test_episodes_start_afresh() -> None:
    for id in ("CartPole-v1", "Acrobot-v1", "MountainCar-v0"):
        environment = find_environment(id)
        episodes, alive = make_episodes(environment, 2), np.ones(2, dtype=bool)
        first = episodes.start([1, 2])
        moment = episodes.step(np.array([0, 1]), alive)
        assert np.array_equal(episodes.start([1, 2]), first)
        again = episodes.step(np.array([0, 1]), alive)
        assert np.array_equal(again.observations, moment.observations)


def test_actions_count_from_the_first_of_their_space() -> None:
    register("tests/From5-v0", action_space=Discrete(2, start=5))
    episodes = SingleEpisodes(Environment("tests/From5-v0", 1, 2, 3, "counts from 5"), 2)
    episodes.start([0, 0])
    assert episodes.step(np.array([0, 1]), np.ones(2, dtype=bool)).terminated.tolist() == [False, True]


@pytest.mark.parametrize(("id", "kind"), [("CartPole-v1", CartPoles), ("Acrobot-v1", Acrobots)])
def test_the_environments_with_short_names_step_in_numpy(id: str, kind: type) -> None:
    assert isinstance(make_episodes(find_environment(id), 2), kind)
    assert isinstance(make_episodes(find_environment("MountainCar-v0"), 2), SingleEpisodes)


class Failing(Counting):
    """Episodes of two features whose first step gives what it should not, or raises it."""

    observation_space = Box(0, np.inf, (2,))

    def __init__(self, given: Any) -> None:
        super().__init__()
        self.given = given

    def step(self, action: int) -> Any:
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    def _seen(self) -> np.ndarray:
        return np.zeros(2, dtype=np.float32)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (RuntimeError("the door\nis closed"), "RuntimeError: the door is closed"),
        ((np.zeros(1), 0.0, False, False, {}), "ValueError: an observation has shape (1,), not (2,) as its space"),
        ((np.zeros(2), None, False, False, {}), "TypeError: float() argument must be a string or a real number"),
        ((np.zeros(2), 0.0, False), "ValueError: not enough values to unpack (expected 5, got 3)"),
    ],
    ids=["raises", "observation", "reward", "too few"],
)
def test_an_environment_that_fails_is_one_line(given: Any, said: str, request: pytest.FixtureRequest) -> None:
    id = f"tests/Failing{request.node.callspec.id.replace(' ', '')}-v0"
    gymnasium.register(id, lambda: Failing(given), max_episode_steps=5)
    episodes = SingleEpisodes(find_environment(id), 2)
    episodes.start([1, 2])
    with pytest.raises(DataError) as caught:
        episodes.step(np.array([0, 1]), np.array([True, True]))
    assert str(caught.value).startswith(f"environment '{id}' failed: {said}") and "\n" not in str(caught.value)
