"""CartPole swing-up: its mechanics, its reward, and that many episodes at a time are what one is."""

from __future__ import annotations

import numpy as np
import pytest

from lth_core.data import swing_up
from lth_core.data.environments import find_environment
from lth_core.data.episodes import SingleEpisodes, SwingUps, make_episodes


def energy(state: np.ndarray) -> float:
    """Of a cart and a uniform rod that hangs where the angle is pi."""
    _, speed, angle, turning = state
    moving = (swing_up.CART + swing_up.POLE) * speed**2 / 2
    moving += swing_up.POLE * (
        swing_up.LENGTH**2 * turning**2 / 6 - swing_up.LENGTH * speed * turning * np.cos(angle) / 2
    )
    return moving + swing_up.POLE * swing_up.GRAVITY * swing_up.LENGTH / 2 * np.cos(angle)


def test_without_friction_and_force_energy_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swing_up, "FRICTION", 0.0)
    monkeypatch.setattr(swing_up, "SUBSTEPS", 500)
    state = np.array([0.1, 0.4, 2.0, 1.5])
    before = energy(state)
    for _ in range(25):
        state = swing_up.advance(state, 0.0)
    assert abs(state[2] - 2.0) > 0.5 and energy(state) == pytest.approx(before, abs=2e-3)


def test_the_reward_is_for_an_upright_pole_in_the_middle() -> None:
    states = np.array([[0, 0, 0, 0], [0, 0, np.pi, 0], [2.4, 0, 0, 0], [1.2, 0, 0, 0]]).T
    assert swing_up.rewards(states) == pytest.approx([1, 0, 0, np.sqrt(0.5)], abs=1e-9)


def test_it_starts_hanging_from_its_seed_alone() -> None:
    environment = find_environment(swing_up.ID)
    assert (environment.features, environment.actions, environment.max_episode_steps) == (5, 3, 500)
    first = make_episodes(environment, 2).start([3, 4])
    assert np.array_equal(first, make_episodes(environment, 3).start([3, 4, 5])[:2])
    assert not np.array_equal(first[0], first[1]) and (first[:, 2] < 0).all()


def test_many_episodes_are_what_each_is_alone() -> None:
    environment = find_environment(swing_up.ID)
    together, alone = make_episodes(environment, 3), SingleEpisodes(environment, 3)
    assert isinstance(together, SwingUps)
    assert together.start([0, 1, 2]) == pytest.approx(alone.start([0, 1, 2]))
    alive, rng = np.ones(3, dtype=bool), np.random.default_rng(0)
    ended = 0
    for _ in range(500):
        actions = np.array([2, *rng.integers(3, size=2)])  # the first is pushed off its track
        one, other = together.step(actions, alive), alone.step(actions, alive)
        for name in ("observations", "rewards", "terminated", "truncated"):
            assert getattr(one, name)[alive] == pytest.approx(getattr(other, name)[alive], abs=1e-4)
        ended += int((one.terminated & alive).sum())
        alive = alive & ~one.terminated & ~one.truncated
    assert ended >= 1 and not alive.any()
