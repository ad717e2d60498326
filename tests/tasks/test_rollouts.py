"""Rollouts: which steps are transitions, and what the return from each is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from lth_core.data.episodes import make_episodes
from lth_core.tasks.rollouts import Rollouts, gumbel_noise, roll_out
from tests.support.policies import counting


def no_noise() -> Iterator[np.ndarray]:
    while True:
        yield np.zeros((1, 1, 2))


def ends_after(steps: int, value: float = 8.0) -> Rollouts:
    """One episode of the environment that counts, ended by its policy after this many steps, 3 at most."""

    def policy(observations: np.ndarray) -> np.ndarray:
        ends = observations[..., 0] == steps - 1
        return np.stack([~ends, ends, np.full(ends.shape, value)], axis=-1).astype(float)

    return roll_out(make_episodes(counting(), 1), np.array([[0]]), no_noise(), 3, policy)


def returns(rollouts: Rollouts, discount: float) -> list[float]:
    return rollouts.rows(rollouts.returns(discount))[0].tolist()


def test_an_episode_that_ends_by_itself_is_worth_nothing_from_there_on() -> None:
    rollouts = ends_after(2)
    assert rollouts.last_values.tolist() == [[0.0]] and rollouts.totals.tolist() == [[1.0 + 2.0]]
    assert returns(rollouts, 0.5) == [1 + 0.5 * 2, 2]


def test_an_episode_that_the_time_limit_cuts_is_worth_what_the_critic_expects_of_its_last_observation() -> None:
    rollouts = ends_after(100)
    assert rollouts.last_values.tolist() == [[8.0]] and rollouts.totals.tolist() == [[1.0 + 2.0 + 3.0]]
    assert returns(rollouts, 0.5) == [1 + 0.5 * 5.5, 2 + 0.5 * 7, 3 + 0.5 * 8]


def test_an_episode_that_ends_by_itself_at_the_time_limit_is_no_cut_one() -> None:
    rollouts = ends_after(3)
    assert rollouts.last_values.tolist() == [[0.0]]
    assert returns(rollouts, 0.5) == [1 + 0.5 * 3.5, 2 + 0.5 * 3, 3]


def test_returns_without_a_discount_are_sums() -> None:
    assert returns(ends_after(3), 1.0) == [6, 5, 3]


def test_the_last_value_is_that_of_what_was_seen_last() -> None:
    def policy(observations: np.ndarray) -> np.ndarray:
        steps = observations[..., 0]
        return np.stack([1 + 0 * steps, 0 * steps, 100 * steps], axis=-1)  # the critic's value: 100 per step taken

    rollouts = roll_out(make_episodes(counting(), 1), np.array([[0]]), no_noise(), 3, policy)
    assert rollouts.last_values.tolist() == [[300.0]]
    assert rollouts.rows(rollouts.outputs)[0][:, -1].tolist() == [0, 100, 200]


def test_episodes_of_several_lengths_have_one_transition_for_every_step_and_no_other() -> None:
    """gymnasium would begin a new episode at the step after an end."""
    lengths = np.array([[1, 3], [2, 2]])

    def policy(observations: np.ndarray) -> np.ndarray:
        ends = observations[..., 0] == lengths - 1
        return np.stack([~ends, ends, np.ones(ends.shape)], axis=-1).astype(float)

    rollouts = roll_out(make_episodes(counting(), 4), np.zeros((2, 2), dtype=int), no_noise(), 3, policy)
    assert rollouts.alive.sum(axis=0).tolist() == lengths.tolist()
    assert [rows[:, 0].tolist() for rows in rollouts.rows(rollouts.observations)] == [[0, 0, 1, 2], [0, 1, 0, 1]]
    assert [rows.tolist() for rows in rollouts.rows(rollouts.rewards)] == [[1, 1, 2, 3], [1, 2, 1, 2]]
    assert [rows.tolist() for rows in rollouts.rows(rollouts.actions)] == [[1, 0, 0, 1], [0, 1, 0, 1]]
    assert rollouts.totals.tolist() == [[1, 6], [3, 3]]


def test_actions_are_drawn_with_the_probabilities_of_the_softmax() -> None:
    scores = np.log([0.7, 0.2, 0.1])
    noise = gumbel_noise([np.random.default_rng(0)], episodes=500, actions=3)
    drawn = np.concatenate([(scores + next(noise)[0]).argmax(axis=-1) for _ in range(100)])
    assert np.bincount(drawn) / len(drawn) == pytest.approx([0.7, 0.2, 0.1], abs=0.01)


def test_the_noise_of_a_replicate_comes_from_its_generator_alone() -> None:
    both = gumbel_noise([np.random.default_rng(1), np.random.default_rng(2)], 3, 2)
    alone = gumbel_noise([np.random.default_rng(2)], 3, 2)
    assert all(np.array_equal(next(both)[1], next(alone)[0]) for _ in range(200))
