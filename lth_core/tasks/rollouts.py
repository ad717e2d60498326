"""Rollouts: whole episodes of every replicate's present policy, from seeds.

Every row of the policy's inputs is one episode, from the first step to the last, even after it has ended: how a
matrix product rounds depends on its number of rows, so that a replicate's numbers would otherwise depend on the others'
episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lth_core.data.episodes import Episodes

Policy = Callable[[np.ndarray], np.ndarray]
"""From observations (R, E, features) to the scores of the actions, and the value: (R, E, actions + 1)."""

BLOCK = 64
"""Steps that random numbers are drawn for at a time."""


@dataclass(frozen=True)
class Rollouts:
    """The episodes (E) of every replicate (R) in lockstep; the longest has T steps."""

    observations: np.ndarray
    """What was seen before each step: (T, R, E, features), float32."""
    outputs: np.ndarray
    """What the network made of it: (T, R, E, actions + 1)."""
    actions: np.ndarray
    """What was done: (T, R, E)."""
    rewards: np.ndarray
    """What it brought: (T, R, E), 0 after the end."""
    alive: np.ndarray
    """Which steps are transitions of the episode: (T, R, E)."""
    last_values: np.ndarray
    """The critic's value of the last observation of episodes that the time limit cut, 0 for others: (R, E)."""

    @property
    def totals(self) -> np.ndarray:
        """The undiscounted return of every episode: (R, E)."""
        return self.rewards.sum(axis=0)

    def returns(self, discount: float) -> np.ndarray:
        """Compute the discounted return from every step on, (T, R, E): rewards, then the last value.

        Mnih et al. 2016 (arXiv 1602.01783), algorithm S3, where an update's steps reach to the end of the episode. An
        episode that ended by itself is worth nothing from there on. One that the time limit cut would have gone on, so
        it is worth what the critic expects of its last observation.
        """
        returns, following = np.empty_like(self.rewards), self.last_values.astype(np.float64)
        for step in reversed(range(len(self.rewards))):
            following = np.where(self.alive[step], self.rewards[step] + discount * following, following)
            returns[step] = following
        return returns

    def rows(self, values: np.ndarray) -> list[np.ndarray]:
        """Cut values (T, R, E, ...) to each replicate's transitions (B, ...): episode by episode."""
        by_replicate = zip(np.moveaxis(values, 0, 2), np.moveaxis(self.alive, 0, 2), strict=True)
        return [episodes[alive] for episodes, alive in by_replicate]


def roll_out(
    episodes: Episodes, seeds: np.ndarray, noise: Iterator[np.ndarray], limit: int, policy: Policy
) -> Rollouts:
    """Begin an episode from every seed (R, E), and let the policy act until all have ended, or for `limit` steps.

    `noise` gives a perturbation of the scores for every step, ([R or 1], E, actions): the action with the
    highest sum is taken. With that of `gumbel_noise`, actions are drawn with the probabilities that a softmax makes of
    the scores.
    """
    alive = np.ones(seeds.shape, dtype=bool)
    cut = np.ones(seeds.shape, dtype=bool)
    observations = episodes.start(seeds.ravel().tolist()).reshape(*seeds.shape, -1)
    steps = []
    for _ in range(limit):
        outputs = policy(observations)
        actions = (outputs[..., :-1] + next(noise)).argmax(axis=-1)
        moment = episodes.step(actions.ravel(), alive.ravel())
        rewards, terminated, truncated = (values.reshape(seeds.shape) for values in moment[1:])
        steps.append((observations, outputs, actions, np.where(alive, rewards, 0.0), alive))
        observations = np.where(alive[..., None], moment.observations.reshape(observations.shape), observations)
        cut = cut & ~(alive & terminated)
        alive = alive & ~terminated & ~truncated
        if not alive.any():
            break
    last_values = np.where(cut, policy(observations)[..., -1], 0.0)
    seen, outputs, actions, rewards, alive = (np.stack(values) for values in zip(*steps, strict=True))
    return Rollouts(seen, outputs, actions, rewards, alive, last_values)


def gumbel_noise(rngs: Sequence[np.random.Generator], episodes: int, actions: int) -> Iterator[np.ndarray]:
    """Draw for every step Gumbel variates (R, E, actions), each replicate's from its generator alone.

    The highest sum of score and variate belongs to an action with the probability that the softmax of the scores gives
    it (the Gumbel-max trick).
    """
    while True:
        blocks = [rng.gumbel(size=(BLOCK, episodes, actions)) for rng in rngs]
        yield from np.stack(blocks, axis=1)
